"""The files that Kaggle gives and takes: their readers and writers, side by side."""
