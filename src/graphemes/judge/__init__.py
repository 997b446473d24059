"""What is judged: folds, recalls, the out-of-fold table, the submission file."""
