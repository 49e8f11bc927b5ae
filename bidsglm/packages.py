"""The table of packages that are fitted and compared, and what a pair of them is called.

It stands below everything that names a package: backends, pages, tables and groups read the same rows, and
none of them imports another for a title or a colour. What a package computes is in its module.
"""

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from bidsglm.sentences import joined


class NoiseAnalysis(NamedTuple):
    """A package with one of its noise models, as a calibration compares them."""

    name: str
    """In the calibration's tables"""
    title: str
    noise_model: str
    """As the package's settings call it"""
    colour: str
    line: str
    """Style as matplotlib writes it; it tells analyses apart without colour, as the marker does"""
    marker: str
    on_dark: str = ""
    """On dark pages; empty where the colour itself will do"""
    deviation: str = ""
    """How a calibration's differs from the package's own, and which way that moves false positives"""
    qualifier: str = ""
    """The same in brief, for verdicts that stand apart from it"""


class Package(NamedTuple):
    """A row of the table."""

    name: str
    """Word of --backends, label behind desc- in file names, key and name of columns in tables"""
    title: str
    """In sentences, on pages and in figures"""
    module: str
    """With the functions of `bidsglm.backends.contract.Backend`"""
    colour: str
    """In figures and on light pages"""
    on_dark: str
    """On dark pages"""
    in_print: str
    """On paper, where colours may be lost"""
    mark: Literal["circle", "diamond", "square", "triangle"]
    """In plots, so that it can be told apart without colour"""
    language: str
    """Language of its exported script, as pygments calls it"""
    runs_in: str
    """What runs the script"""
    analyses: tuple[NoiseAnalysis, ...]
    """What a calibration compares: ordinary least squares first, then with serial correlations"""
    fitted: str
    """How a sentence says that a model was fitted by it"""
    reference: str
    """What tells a reader which program is meant, with its publication"""
    smoother: Literal["spline", "sampled"] = "sampled"
    """Kernel of --smoothing-fwhm: a Gaussian convolved with a linear B-spline, whose images are float32; or
    one that is sampled at the voxels"""
    unit: str = "% of voxel mean"
    """Usual one of its effects"""
    projects_filter: bool = False
    """Whether the high-pass filter is projected out, and so no column of the design"""
    random_fields: bool = False
    """Whether its inference rests on the smoothness of the residuals"""
    edges_touch: bool = False
    """Whether voxels that share an edge only are of one cluster"""
    own_mask: Literal["threshold", "epi", "robust"] = "epi"
    """Without mask files: what exceeds a share of the global in every scan, nilearn's of mean images, or what
    exceeds a tenth of the robust range in every scan"""
    noise_models: int = 1
    """Whitened designs of all runs that a fit holds at once"""
    own_least_squares: bool = False
    """Whether a calibration has its least squares beside another package's: drifts of another kind"""
    filters_columns: bool = False
    """Whether the high-pass filter passes through the columns too, which then rise from no baseline"""
    corners_touch: bool = False
    """Whether voxels that share a corner only are of one cluster too"""
    censors: bool = False
    """Whether it can leave out scans"""
    second_level: str = "least squares (errors of one variance)"
    """How a sentence names what tests effects over participants"""


NEUTRAL = "#8d99ae"
"""Colour of what is no package's own"""

PACKAGES: dict[str, Package] = {
    row.name: row
    for row in (
        Package(
            name="spm",
            title="SPM",
            module="bidsglm.backends.spm12",
            colour="#c8553d",
            on_dark="#f08a70",
            in_print="#000000",
            mark="circle",
            smoother="spline",
            unit="% of spm_global",
            projects_filter=True,
            random_fields=True,
            edges_touch=True,
            own_mask="threshold",
            language="matlab",
            runs_in="SPM12, in MATLAB or Octave",
            analyses=(
                NoiseAnalysis("spm-none", "least squares (SPM)", "none", NEUTRAL, ":", "o"),
                NoiseAnalysis("spm-ar1", "SPM AR(1)", "AR(1)", "#c8553d", "-", "^"),
                NoiseAnalysis("spm-fast", "SPM FAST", "FAST", "#6d2112", "--", "D", "#f7cabd"),
            ),
            fitted="as SPM12 does",
            reference="a model that follows SPM12 (r7771; Penny et al., 2007), reimplemented in Python",
            second_level="SPM12's equations ({errors})",
        ),
        Package(
            name="nilearn",
            title="nilearn",
            module="bidsglm.backends.nilearn_glm",
            colour="#1f7a8c",
            on_dark="#6cc4d4",
            in_print="#777777",
            mark="diamond",
            language="python",
            runs_in="nilearn, in Python",
            analyses=(
                NoiseAnalysis("ols", "least squares", "ols", NEUTRAL, ":", "o"),
                NoiseAnalysis("nilearn-ar1", "nilearn AR(1)", "ar1", "#1f7a8c", "-", "s"),
            ),
            fitted="with nilearn",
            reference="nilearn (Abraham et al., 2014)",
            second_level="nilearn's SecondLevelModel (errors of one variance)",
        ),
        Package(
            name="afni",
            title="AFNI",
            module="bidsglm.backends.afni_glm",
            colour="#7a5195",
            on_dark="#c3a1dc",
            in_print="#444444",
            mark="square",
            language="tcsh",
            runs_in="AFNI, in tcsh",
            analyses=(
                NoiseAnalysis("afni-ols", "least squares (AFNI)", "none", "#b9a3c9", ":", "v"),
                NoiseAnalysis("afni-arma11", "AFNI ARMA(1,1)", "ARMA(1,1)", "#7a5195", "-", "P", "#c3a1dc"),
            ),
            fitted="as AFNI's 3dDeconvolve and 3dREMLfit do",
            reference="an AFNI 26.2.03-equivalent model (3dDeconvolve, 3dREMLfit; Chen et al., 2012), "
            "reimplemented in Python",
            noise_models=110,
            censors=True,
            second_level="AFNI's test of 3dttest++ without options (errors of one variance)",
            own_least_squares=True,
        ),
        Package(
            name="fsl",
            title="FSL",
            module="bidsglm.backends.fsl_glm",
            colour="#4f772d",
            on_dark="#9cc46b",
            in_print="#aaaaaa",
            mark="triangle",
            unit="0.01 % of the run's median",
            edges_touch=True,
            own_mask="robust",
            language="bash",
            runs_in="FSL, in sh",
            analyses=(
                NoiseAnalysis("fsl-ols", "least squares (FSL)", "none", "#a3b899", ":", "<"),
                NoiseAnalysis(
                    "fsl-film",
                    "FSL FILM",
                    "FILM",
                    "#4f772d",
                    "-",
                    "X",
                    "#9cc46b",
                    "without FILM's smoothing of autocorrelations among neighbours, as the simulated voxels "
                    "are a sample without neighbours; with it FSL finds fewer false positives",
                    "without its smoothing among neighbours",
                ),
            ),
            fitted="as FSL's FEAT does",
            reference="an FSL 6.0.0-equivalent model (FEAT's GLM and FILM, without spatial smoothing of "
            "data; Woolrich et al., 2001), reimplemented in Python",
            corners_touch=True,
            second_level="FSL's mixed effects with simple OLS (errors of one variance)",
            filters_columns=True,
        ),
    )
}
"""Name -> row, in the order in which packages stand in tables and on pages."""

DEFAULT_PACKAGES = ("spm", "nilearn")
"""Those that are fitted where nothing else is asked for; their files and columns name no pair."""
LIBRARIES = ("nilearn", "numpy", "scipy", "nibabel", "pandas", "pybids")
"""Python packages whose versions may move numbers"""
REFERENCE = "nilearn"
"""What the others are compared with: it has the x axis, and is what is subtracted."""


def title(name: str) -> str:
    """Name a package for people; an unknown one by the name it came with.

    >>> title("spm"), title("other")
    ('SPM', 'other')
    """
    return PACKAGES[name].title if name in PACKAGES else name


def titles(names: Iterable[str]) -> str:
    """Join packages in a sentence.

    >>> titles(["spm", "nilearn"])
    'SPM and nilearn'
    """
    return joined(map(title, names))


def colour(name: str) -> str:
    """Colour of a package in figures.

    >>> colour("spm")
    '#c8553d'
    """
    return PACKAGES[name].colour


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Packages among some names, in the order of the table.

    >>> in_order(["nilearn", "spm"])
    ('spm', 'nilearn')
    """
    found = set(names)
    return tuple(name for name in PACKAGES if name in found)


def reimplemented(names: Iterable[str]) -> tuple[str, ...]:
    """Packages whose equations are implemented here, and that are not run themselves.

    >>> reimplemented(["nilearn", "spm"])
    ('spm',)
    """
    return tuple(
        name for name in in_order(names) if PACKAGES[name].reference.endswith("reimplemented in Python")
    )


def analyses(names: Iterable[str]) -> dict[str, tuple[str, NoiseAnalysis]]:
    """Return what a calibration of some packages compares: name -> package and analysis.

    Least squares are nearly the same in all, and are made once: by the reference where it is there, whose
    analyses come first. Packages whose drifts are of another kind have theirs beside it.

    >>> list(analyses(["spm", "nilearn"]))
    ['ols', 'nilearn-ar1', 'spm-ar1', 'spm-fast']
    >>> list(analyses(["spm"]))
    ['spm-none', 'spm-ar1', 'spm-fast']
    >>> list(analyses(PACKAGES))
    ['ols', 'nilearn-ar1', 'spm-ar1', 'spm-fast', 'afni-ols', 'afni-arma11', 'fsl-film']
    >>> list(analyses(["fsl"])), list(analyses(["afni", "fsl"]))
    (['fsl-ols', 'fsl-film'], ['afni-ols', 'afni-arma11', 'fsl-film'])
    """
    order = sorted(in_order(names), key=lambda name: name != REFERENCE)
    found = [
        (name, each)
        for i, name in enumerate(order)
        for each in PACKAGES[name].analyses[i > 0 and not PACKAGES[name].own_least_squares :]
    ]
    return {each.name: (name, each) for name, each in found}


def every_analysis() -> Iterator[NoiseAnalysis]:
    """Yield all that there are, in the order in which they are compared."""
    for name in sorted(PACKAGES, key=lambda name: name != REFERENCE):
        yield from PACKAGES[name].analyses


def analysis(name: str) -> NoiseAnalysis:
    """Return an analysis of any package by its name.

    >>> analysis("spm-fast").title
    'SPM FAST'
    """
    return next(each for each in every_analysis() if each.name == name)
