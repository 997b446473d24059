"""The words everybody uses: heads, classes, settings, recipes, layout, errors, seeds, files."""
