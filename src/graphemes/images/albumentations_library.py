"""Albumentations, imported so that it asks the network for nothing: by this module alone."""

import os

# Its import asks for its newest version otherwise, and waits for an answer.
os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"
os.environ["ALBUMENTATIONS_NO_TELEMETRY"] = "1"  # its successor's, which has the same module's name

import albumentations as A
from albumentations.pytorch import ToTensorV2

__all__ = ["A", "ToTensorV2"]
