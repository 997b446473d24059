"""The submit notebook, in percent format; `notebook_files` makes submit.ipynb of it."""

# %% [markdown]
# # Reading Bengali graphemes: the submission
#
# This notebook reads the test images with trained networks and writes `submission.csv`. Attach to
# it (Add Input):
#
# 1. the competition, **bengaliai-cv19** (its rules must have been accepted);
# 2. the data set that `bash run.sh pack` made: the package, and the weights of some folds, of one
#    run or of several that are averaged;
# 3. or, for the weights, the output of the train notebook.
#
# Internet is off. When you submit it, Kaggle runs it once more, on about 211,000 images that nobody
# sees. So it stops with an error wherever something is amiss: a submission that is silently wrong
# costs a day.

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
from graphemes.pipeline.trained_networks import trained_settings
from graphemes.release import inputs, pictures, session, tables
from graphemes.release.session import attempt
from graphemes.release.submission_check import check_submission

competition = inputs.find_competition()
networks = inputs.find_networks()
for path in networks.files:
    print(path)

# %% [markdown]
# ## Reading the test images
#
# A shard at a time is decoded to disk and read in batches, so memory stays flat however many images
# there are. The probabilities of the networks are averaged. The answer is the class that the rule
# gives which won on the training images (`decisions.json`), else the likeliest of each head.

# %%
submission = session.WORKING / "submission.csv"
chosen = {"data_dir": competition, **networks.words, "submission": submission}
session.run_command("predict", {**chosen, "overwrite": "true"})
check_submission(submission, competition)

# %% [markdown]
# ## What was read
#
# The first test images: the box around the ink, what the network sees, and the grapheme that its
# three answers spell. From here on nothing stops the notebook: the submission is written, and what
# can't be shown is a sentence.

# %%
attempt(lambda: pictures.first_scans(competition, "test", trained_settings(networks.files[0])))

# %%
attempt(lambda: tables.read_graphemes(submission, competition))

# %% [markdown]
# ## How good the networks are
#
# Their curves, and their recalls on the training images that each of them was not trained on; of
# several runs those of their mean. The score is the mean recall over the classes of each head, and
# over the heads, root twice.

# %%
attempt(lambda: pictures.curves([path.parent for path in networks.files]))

# %%
table = attempt(lambda: tables.mixed_out_of_fold(networks.folds, networks.shares))
attempt(lambda: tables.recalls(table))

# %% [markdown]
# The classes read worst, and what they are taken for; then some of their misread scans.

# %%
attempt(lambda: tables.worst_classes(table))

# %%
attempt(lambda: pictures.misread_scans(table, competition))
