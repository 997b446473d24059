"""From shards to pictures: decoding, the store, crops and augmentation, the data set."""
