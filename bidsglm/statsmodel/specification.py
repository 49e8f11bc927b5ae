"""A BIDS Stats Models file as a ModelSpecification: https://bids-standard.github.io/stats-models."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from bidsglm.errors import DataError, NoInputError, UsageError
from bidsglm.inputs import Kind, read_json
from bidsglm.model import CONSTANT, Hrf, ModelSpecification
from bidsglm.packages import DEFAULT_PACKAGES, titles
from bidsglm.settings import Settings
from bidsglm.statsmodel.contrasts import dummy_names, parsed_contrasts
from bidsglm.statsmodel.defaults import with_high_pass, with_hrf, without_polynomials
from bidsglm.statsmodel.dialects import translated
from bidsglm.statsmodel.modulations import (
    orthogonalization,
    parametric_modulations,
    response_models,
    time_modulations,
)
from bidsglm.statsmodel.nodes import levels
from bidsglm.statsmodel.parsed import parsed_document
from bidsglm.statsmodel.place import Place, check_distinct
from bidsglm.statsmodel.responses import (
    ResponseRequest,
    check_coverage,
    conditions_without_functions,
    hrf_request,
    is_condition,
    is_named,
    unused,
    with_derivatives,
)
from bidsglm.statsmodel.schema import ModelPart, NodePart, OptionsPart, SoftwarePart, SpmPart
from bidsglm.statsmodel.software import Fitted, packages
from bidsglm.statsmodel.transformations import Instructions, split_instructions

MODEL = Kind(
    NoInputError,
    DataError,
    "no such model file; correct --model",
    "give a *_smdl.json file",
    "line {line}, column {column}: broken JSON: {what}",
    "must hold one JSON object, a BIDS Stats Model",
)

SECONDS_BY_MISTAKE = 1.0
"""Hz: faster than any task is repeated, so the cut-off was given in seconds."""

OVERRIDES = {
    "hrf": "--hrf",
    "high_pass": "--high-pass",
    "noise_model": "--noise-model",
    "confounds": "--confounds",
    "mask_threshold": "--mask-threshold",
    "contrasts": "--contrasts",
}
"""Options that say what an automatic model should be; a model file says it itself."""


class Signal(NamedTuple):
    """What a model says about X and its convolution."""

    x: tuple[str, ...]
    hrf: Hrf | None
    """None where the model says nothing."""
    convolved: tuple[str, ...] | None
    """Names and globs; None where the model says nothing."""
    transformations: tuple[Mapping[str, object], ...]
    notes: tuple[str, ...]


def read_model(path: Path, settings: Settings) -> ModelSpecification:
    """Read a model file; the command line's overrides are for the automatic model only.

    Raises
    ------
    UsageError
        An override beside a model file.
    NoInputError
        No such file.
    DataError
        Broken JSON, or anything in it that the model language does not know or bidsglm cannot do; names the
        file and the place in it.
    """
    for name, option in OVERRIDES.items():
        if getattr(settings, name) is not None:
            raise UsageError(
                f"{option} changes the automatic model only: edit {path} instead, given by --model"
            )
    return parse_model(read_document(path), str(path), settings)


def parse_model(
    document: Mapping[str, object], origin: str, settings: Settings, automatic: bool = False
) -> ModelSpecification:
    """Model that a document describes, which came from a file or was made by bidsglm itself.

    Raises
    ------
    DataError
        As `read_model`.
    """
    top = Place(origin)
    strict, rewritten = translated(document, top)
    parsed = parsed_document(strict, origin)
    level = levels(parsed, top)
    model, place = level.run.Model, level.place.at("Model")
    _check_supported(model, place)
    signal = _signal(level.run, level.place, settings.backends)
    software, options = model.Software or SoftwarePart(), model.Options or OptionsPart()
    matched = settings.matching == "matched"
    spm_place = place.at("Software", "SPM")
    package = packages(software, matched, place.at("Software"), settings.backends)
    modulations = parametric_modulations(software.SPM, signal.x, spm_place)
    contrasts = parsed_contrasts(level.run.Contrasts or (), level.place.at("Contrasts"))
    specification = ModelSpecification(
        name=parsed.Name,
        x=signal.x,
        inputs={key: tuple(labels) for key, labels in (parsed.Input or {}).items()},
        by_session=level.by_session,
        both_ways=level.both_ways,
        above=level.above,
        mask_entities=_mask_entities(options, place),
        transformations=signal.transformations,
        convolved=signal.convolved,
        modulations=modulations,
        time_modulations=time_modulations(software.SPM, signal.x, modulations, spm_place),
        orthogonalize=orthogonalization(software.SPM, signal.x, spm_place),
        contrasts=contrasts,
        dummy_contrasts=dummy_names(
            level.run.DummyContrasts, _made(signal), level.place.at("DummyContrasts")
        ),
        smoothing_fwhm=settings.smoothing_fwhm or 0.0,
        two_sided=settings.two_sided,
        spm=package.spm,
        nilearn=package.nilearn,
        afni=replace(
            package.afni,
            response_model=response_models(software.AFNI, signal.x, place.at("Software", "AFNI")),
        ),
        fsl=package.fsl,
        group=level.group,
        notes=(*rewritten, *signal.notes, *package.notes, *level.notes),
        automatic=automatic,
        origin=origin,
    )
    fitted = settings.backends
    convolved = with_hrf(specification, signal.hrf, matched, fitted)
    filtered = with_high_pass(convolved, options.HighPassFilterCutoffHz, matched, fitted)
    return without_polynomials(filtered) if matched and software.AFNI.Polort is None else filtered


def read_document(path: Path) -> Mapping[str, object]:
    """Read the JSON of a model file; errors as `read_model`."""
    if path.is_dir():
        raise NoInputError(f"{path}: is a folder; --model takes a *_smdl.json file")
    return read_json(path, MODEL, object_pairs_hook=_object, parse_constant=_no_constant)


def _object(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    """Refuse what JSON readers usually pass over: the last of equal keys would win unseen."""
    found = dict(pairs)
    if len(found) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        key = next(key for key in counts if counts[key] > 1)
        raise ValueError(f"the key {key!r} occurs twice in one object")
    return found


def _no_constant(name: str) -> float:
    raise ValueError(f'{name} is not JSON: write numbers, or "-Inf" as text where it is allowed')


def _check_supported(model: ModelPart, place: Place) -> None:
    """Check that the Run node asks for nothing that no backend can do."""
    options = model.Options or OptionsPart()
    hertz = options.HighPassFilterCutoffHz or 0.0
    if hertz >= SECONDS_BY_MISTAKE:
        raise place.at("Options", "HighPassFilterCutoffHz").fault(
            f"{hertz:g} Hz is no high-pass filter: a cut-off of {hertz:g} s is {1 / hertz:.6g}"
        )
    if model.Type != "glm":
        raise place.at("Type").fault('must be "glm" at the Run level')
    if options.ReplaceVariables:
        raise place.at("Options", "ReplaceVariables").fault(
            "not supported: voxelwise regressors do not exist here; leave it out"
        )
    if options.Aggregate not in (None, "none"):
        raise place.at("Options", "Aggregate").fault("not supported: only voxelwise models; leave it out")
    check_distinct(model.X, place.at("X"))


def _signal(node: NodePart, place: Place, fitted: Fitted) -> Signal:
    """X without intercept, its transformations and its HRF, from HRF or a Convolve instruction."""
    here = place.at("Transformations", "Instructions")
    split = Instructions()
    if node.Transformations is not None:
        split = split_instructions(node.Transformations.Instructions, here)
    x = tuple(name for name in node.Model.X if name != CONSTANT)
    notes: list[str] = []
    if split.hrf is not None:
        x = conditions_without_functions(x, split.convolved, split.hrf)
        notes += unused(x, split.convolved, here)
    request = _model_hrf(node.Model, x, place.at("Model", "HRF"))
    if None not in (request.hrf, split.hrf) and request.hrf != split.hrf:
        raise place.at("Model", "HRF").fault(
            "asks for another response than the Convolve instruction: leave one of them out"
        )
    named = node.Model.HRF.Variables if node.Model.HRF else ()
    hrf = with_derivatives(split.hrf or request.hrf, _spm(node.Model).HRFderivatives)
    notes += [*request.notes, *hrf.notes]
    constant = [name for name in DEFAULT_PACKAGES if name in fitted]
    if CONSTANT not in node.Model.X and constant:
        do = "do" if len(constant) > 1 else "does"
        notes.append(
            f"X has no intercept (1), but {titles(constant)}'s first level always {do}: it is in the design."
        )
    convolved = (*split.convolved, *named) if split.hrf or request.hrf else None
    return Signal(x, hrf.hrf, convolved, split.kept, tuple(notes))


def _spm(model: ModelPart) -> SpmPart:
    return (model.Software or SoftwarePart()).SPM


def _model_hrf(model: ModelPart, x: Sequence[str], place: Place) -> ResponseRequest:
    if model.HRF is None:
        return ResponseRequest(None)
    check_coverage(x, model.HRF.Variables, place.at("Variables"))
    return hrf_request(model.HRF.Model, model.HRF.Parameters, place)


def _made(signal: Signal) -> tuple[str, ...]:
    """What is convolved beside the trial types, as far as it is in X."""
    others = [name for name in signal.convolved or () if not is_condition(name)]
    return tuple(name for name in others if is_named(name, signal.x))


def _mask_entities(options: OptionsPart, place: Place) -> dict[str, str]:
    mask = options.Mask or {}
    for key, labels in mask.items():
        if len(labels) != 1:
            raise place.at("Options", "Mask", key).fault("must be one label: one mask for each run")
    return {key: labels[0] for key, labels in mask.items()}
