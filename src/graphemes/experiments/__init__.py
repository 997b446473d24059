"""What is studied and measured, and not needed to run: nothing here is imported by a plain run."""
