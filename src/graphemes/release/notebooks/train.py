"""The train notebook, in percent format; `notebook_files` makes train.ipynb of it."""

# %% [markdown]
# # Reading Bengali graphemes: train a fold
#
# This notebook trains a fold in a session or two. Attach to it (Add Input):
#
# 1. the competition, **bengaliai-cv19** (its rules must have been accepted);
# 2. the data set that `bash run.sh pack` made: it holds the package;
# 3. from the second session on, this notebook's own last output: the training goes on from there.
#
# Choose **GPU T4 x2** as the accelerator, in all sessions of a run: both train together. Kaggle
# ends a session after 12 hours, and keeps nothing of one that it had to end; so the training stops
# by itself before that, and you save its output.

# %% [markdown]
# ## What to train
#
# The words are those of the command line; `graphemes train help` lists them all. Keep them the same
# in all sessions of a run, but for `FOLD`: when fold 0 is finished, go on with 1. `"0,1"` or
# `"all"` trains several, one after the other, in as many sessions as they need.

# %% settings
FOLD = 0
TIME_LIMIT = "8h30m"
SETTINGS = {"recipe": "kaggle"}

# %% [markdown]
# ## The package
#
# Nothing is fetched: the wheel lies in the data set, and Kaggle's image has what it needs.

# %%
import glob
import subprocess
import sys

wheels = glob.glob("/kaggle/input/**/graphemes-*.whl", recursive=True)
if len(wheels) != 1:
    found = ", ".join(wheels) or "none"
    raise FileNotFoundError(
        f"/kaggle/input: expected one graphemes-*.whl, found {found};"
        " attach one data set that `bash run.sh pack` made: Add Input, Datasets"
    )
pip = [sys.executable, "-m", "pip", "install", "--no-index", "--no-deps", "--quiet"]
installed = subprocess.run([*pip, wheels[0]], check=True)

# %%
from graphemes.release import inputs, pictures, session, tables
from graphemes.release.session import attempt

competition = inputs.find_competition()
asked = {"fold": FOLD, "time_limit": TIME_LIMIT, "processes": session.gpus(), **SETTINGS}
settings = session.chosen_settings(asked)  # a misspelt word is refused here
inputs.restore_folds(inputs.find_earlier_folds())
session.run_command("doctor", {"data_dir": competition, "fold": asked["fold"]})

# %% [markdown]
# ## What the network sees
#
# A scan is 137 x 236 grey levels. The box around its ink is cut out, the paper whitened, the sides
# filled up, and that is made small. In training it is also moved, turned and stretched a little,
# otherwise in every epoch.

# %%
attempt(lambda: pictures.first_scans(competition, "train", settings))

# %% [markdown]
# ## Training
#
# A line an epoch: the loss on the images trained on, and recalls and score on the fifth held back.
# The first session decodes all images first, which takes a minute or two.

# %%
session.run_command("train", {"data_dir": competition, **asked})

# %% [markdown]
# ## How it went
#
# Left the loss, right the score: where the first still falls while the second stays, more epochs
# won't help much.

# %%
folds = session.fold_directories(settings)
attempt(lambda: pictures.curves(folds))

# %% [markdown]
# Recall is the share of a class's images that are read right. The score is its mean over the
# classes of each head, and over the heads, root twice. A rare class counts as much as a common one.

# %%
table = attempt(lambda: tables.out_of_fold(folds))
attempt(lambda: tables.recalls(table))

# %% [markdown]
# ## Where it errs
#
# The classes read worst, and what they are taken for; then some of their misread scans.

# %%
attempt(lambda: tables.worst_classes(table))

# %%
attempt(lambda: pictures.misread_scans(table, competition))

# %% [markdown]
# ## What is kept
#
# The folds stay in the output, and beside them `report.html`: all of the above and more on one
# page, to be opened in a browser without a network. The decoded images (6.5 GB) are removed: the
# next session has made them again sooner than Kaggle has saved them.

# %%
session.remove_cache()
session.say_how_far(folds)
