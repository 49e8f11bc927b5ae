"""How a modelling step is made equal in both packages: keys of the model, lines of nilearn, boxes of SPM.

A recipe that cannot make the packages equal, or has a price, says so. The tests apply each of them: the keys
to a model that is fitted again, the lines of nilearn as they stand, the lines of SPM to the exported batch.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from bidsglm.attribution.differences import RMSD
from bidsglm.attribution.steps import REGRESSORS
from bidsglm.pairs import DEFAULT_PAIR, Pair
from bidsglm.report.attribution import WORTH_NAMING, percent
from bidsglm.report.breakdowns import Breakdown, found
from bidsglm.report.further_recipes import remedy
from bidsglm.report.leading_steps import median_shares
from bidsglm.report.steps import title
from bidsglm.report.wording import listed, upper_first

MASK = "mask"
NO_DRIFTS = "no drift terms"
"""How the attribution calls nilearn's side of the filter where it has none."""
BATCH = "matlabbatch{1}.spm.stats.fmri_spec."
"""Where the boxes of "fMRI model specification" stand in a batch."""


class Recipe(NamedTuple):
    """What makes one modelling step equal."""

    step: str
    model: Mapping[str, object] = {}
    """Keys to merge into Model of the node at level Run; none where no key does it."""
    option: str = ""
    """Option of the command line"""
    nilearn: tuple[str, ...] = ()
    """Lines of Python"""
    spm: tuple[str, ...] = ()
    """Lines of a batch, the box's name behind each"""
    remains: str = ""
    """What stays different, or what it costs."""
    share: str = ""
    """How much of the difference the step makes here, in words."""

    @property
    def title(self) -> str:
        """The step, as a heading.

        >>> Recipe("noise").title
        'Noise model'
        """
        return upper_first("analysis mask" if self.step == MASK else title(self.step))

    @property
    def keys(self) -> str:
        """Keys of the model, as they are typed.

        >>> print(Recipe("noise", {"Options": {"HighPassFilterCutoffHz": 0}}).keys)
        "Options": {
          "HighPassFilterCutoffHz": 0
        }
        """
        lines = json.dumps(self.model, indent=2).splitlines()[1:-1] if self.model else []
        return "\n".join(line[2:] for line in lines)


def recipes(
    contrasts: Sequence[Sequence[Breakdown]], runs: Sequence[str], n_alone: int = 0
) -> tuple[Recipe, ...]:
    """Recipes of the steps that make a tenth or more of some map's difference, the largest first.

    Parameters
    ----------
    contrasts
        For each contrast its breakdowns.
    runs
        Start of the names of each run's design tables, with their folder.
    n_alone
        Voxels that only one package analyses.
    """
    parts = [b for each in contrasts for name in ("effect", "t", "F") if (b := found(each, name, RMSD))]
    shares = {name: median_shares([b for b in parts if b.map == name]) for name in ("effect", "t", "F")}
    largest = {
        step: max(each.get(step, 0.0) for each in shares.values())
        for each in shares.values()
        for step in each
    }
    ranked = sorted((s for s in largest if largest[s] >= WORTH_NAMING), key=lambda s: -largest[s])
    settings = {step.step: (step.reference, step.other) for b in parts for step in b.coarse}
    pair = next((b.pair for b in parts), DEFAULT_PAIR)
    chosen = [
        recipe(step, settings[step], runs, pair)._replace(share=_share(step, shares)) for step in ranked
    ]
    if n_alone:
        voxels = f"{n_alone:,} voxel{'s' * (n_alone != 1)} analysed by one package alone"
        chosen.append(recipe(MASK, ("", ""), runs, pair)._replace(share=voxels))
    return tuple(chosen)


def _share(step: str, shares: Mapping[str, Mapping[str, float]]) -> str:
    told = [
        f"{percent(each[step])} of the {name} difference"
        for name, each in shares.items()
        if each.get(step, 0.0) >= WORTH_NAMING
    ]
    return listed(told)


def recipe(step: str, settings: tuple[str, str], runs: Sequence[str], pair: Pair = DEFAULT_PAIR) -> Recipe:
    """What makes a step equal, by the reference's and the other's settings, in the attribution's words."""
    if not pair.is_default:
        found = remedy(step, pair)
        return Recipe(step, found.model, found.option, remains=found.remains)
    if step == "filter":
        cutoff = re.search(r"\(([\d.]+) s\)", settings[1])
        return _filter_on(cutoff[1]) if settings[0] == NO_DRIFTS and cutoff else _same_cosines()
    return _same_regressors(runs) if step == REGRESSORS else RECIPES[step]()


def _scaling() -> Recipe:
    return Recipe(
        "scaling",
        {"Software": {"Nilearn": {"SignalScaling": [0, 1]}}},
        nilearn=(
            "def spm_scaled(image):",
            "    data = image.get_fdata()",
            "    globals_ = [scan[scan > scan.mean() / 8].mean() for scan in np.moveaxis(data, 3, 0)]",
            "    return new_img_like(image, data * (100 / np.mean(globals_)), copy_header=True)",
            "",
            "images = [spm_scaled(image) for image in images]",
            "model = FirstLevelModel(signal_scaling=False, noise_model=noise_model, mask_img=mask)",
        ),
        spm=(f"{BATCH}global = 'None';  % box \"Global normalisation\"; the scaling cannot be switched off",),
        remains=(
            "The key gives both packages one factor for the whole brain, but not the same one: SPM's is from"
            " the global of the whole image, nilearn's from the mean inside the mask, and the effects keep"
            " that ratio. The lines of nilearn take SPM's factor, and nothing of this step remains."
        ),
    )


def _same_regressors(runs: Sequence[str]) -> Recipe:
    return Recipe(
        REGRESSORS,
        nilearn=(
            "designs = []",
            "for run in [",
            *(f"    {json.dumps(run, ensure_ascii=False)}," for run in runs),
            "]:",
            '    design = pd.read_csv(f"{run}_desc-nilearn_design.tsv", sep="\\t")',
            '    spm = pd.read_csv(f"{run}_desc-spm_design.tsv", sep="\\t")',
            '    conditions = [name for name in spm if name.startswith("trial_type.")]',
            "    design[conditions] = spm[conditions]",
            "    designs.append(design)",
        ),
        remains=(
            "No key of the model and no box of SPM makes them equal: each package convolves in its own way."
            " The lines give nilearn SPM's regressors, from the tables of this participant; fit with"
            " design_matrices=designs."
        ),
    )


def _filter_on(cutoff: str) -> Recipe:
    return Recipe(
        "filter",
        {"Software": {"Nilearn": {"DriftModel": "cosine"}}},
        nilearn=('drift_model="cosine",', f"high_pass=1 / {cutoff},  # Hz"),
        spm=(f'{BATCH}sess(1).hpf = {cutoff};  % box "High-pass filter", of each session',),
        remains=(
            "What is left is small: SPM projects its cosines out after whitening, nilearn fits them as"
            " columns."
        ),
    )


def _same_cosines() -> Recipe:
    return Recipe(
        "filter",
        {"X": ["...", "cosine*"], "Options": {"HighPassFilterCutoffHz": 0}},
        nilearn=(
            "drift_model=None,",
            'add_regs=confounds.filter(regex="^(cosine|trans|rot)"),  # and all others of the model',
        ),
        spm=(
            f'{BATCH}sess(1).hpf = Inf;  % box "High-pass filter", of each session',
            '% fMRIPrep\'s cosine columns beside the other confounds: box "Multiple regressors"',
        ),
        remains=(
            "Both packages then fit fMRIPrep's cosines (128 s) as columns of the design, and nothing of this"
            " step remains. In X, ... stands for what your model has there."
        ),
    )


def _noise() -> Recipe:
    return Recipe(
        "noise",
        {"Software": {"SPM": {"SerialCorrelation": "none"}, "Nilearn": {"NoiseModel": "ols"}}},
        nilearn=('noise_model="ols",',),
        spm=(f"{BATCH}cvi = 'none';  % box \"Serial correlations\"",),
        remains=(
            "To see that this step is the cause, not to report: without a noise model, t values of"
            " autocorrelated data are too large. Modelled noise cannot be made equal, as nilearn estimates it"
            " in each voxel and SPM once for the whole brain; report one package, and name its noise model."
        ),
    )


def _runs() -> Recipe:
    return Recipe(
        "runs",
        option="--run-label 1",
        remains=(
            "No setting makes several runs equal: SPM has one residual variance for all, nilearn one for each"
            " run. Fit each run by itself (--run-label with each in turn) and average the effect maps of both"
            " packages in the same way; within a run nothing of this step remains."
        ),
    )


def _smoother() -> Recipe:
    return Recipe(
        "smoother",
        option="--smoothing-fwhm 0",
        nilearn=("smoothing_fwhm=None,",),
        remains=(
            "Smooth the images once, with either package, and give both the smoothed files: nothing of this"
            " step remains. The kernels themselves cannot be made equal."
        ),
    )


def _same_mask() -> Recipe:
    return Recipe(
        MASK,
        {
            "Options": {"Mask": {"desc": ["brain"], "suffix": ["mask"]}},
            "Software": {"SPM": {"InclusiveMaskingThreshold": "-Inf"}},
        },
        nilearn=("mask_img=mask,  # the file that SPM has as explicit mask",),
        spm=(
            f'{BATCH}mthresh = -Inf;  % box "Masking threshold"',
            f'{BATCH}mask = masks;  % box "Explicit mask": fMRIPrep\'s desc-brain_mask',
        ),
        remains="Voxels that are constant in every scan have no result in either package.",
    )


RECIPES = {"scaling": _scaling, "noise": _noise, "runs": _runs, "smoother": _smoother, MASK: _same_mask}
"""Those that hang on nothing."""
