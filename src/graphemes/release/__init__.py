"""What goes to Kaggle: the folder to upload, the two notebooks, and what they call there."""
