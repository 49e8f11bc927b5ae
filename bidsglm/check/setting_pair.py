"""A setting in which two analyses differ."""

from typing import NamedTuple


class SettingPair(NamedTuple):
    """A setting that differs."""

    setting: str
    """In the vocabulary of the check, with what it is of behind"""
    spm: str
    nilearn: str
    consequence: str
    remedy: str
    """On both sides"""
    matters: bool = True
    """Whether the models are others for it"""
