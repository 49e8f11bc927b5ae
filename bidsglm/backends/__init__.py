"""The packages that are compared, as modules with the same functions."""

from bidsglm.backends import nilearn_glm, spm12

BACKENDS = {"spm": spm12, "nilearn": nilearn_glm}
