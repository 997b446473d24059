"""The notebooks' sources, scripts in percent format that nothing imports, and what is made of them.

`python -P -m graphemes.release.notebook_files` writes train.ipynb and submit.ipynb anew.
"""
