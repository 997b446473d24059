"""One story a file: what `bash run.sh COMMAND` does."""
