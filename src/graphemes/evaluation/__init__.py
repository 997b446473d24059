"""What is judged: folds, recalls, out-of-fold tables, decisions."""
