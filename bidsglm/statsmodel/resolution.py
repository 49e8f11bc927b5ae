"""Contrasts resolved against the columns of a design: which regressors they mean, and which are left out."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple, Protocol

import numpy as np

from bidsglm.errors import DataError
from bidsglm.model import CONSTANT, TRIAL_TYPE, ContrastSpecification, ModelSpecification
from bidsglm.statsmodel.contrasts import ALL_CONDITIONS, check_labels, contrast_label, single_contrast
from bidsglm.statsmodel.globs import is_glob, matches, matching
from bidsglm.statsmodel.modulations import TIME
from bidsglm.statsmodel.nearest import hint


class LeftOut(NamedTuple):
    """A contrast that this participant cannot have."""

    name: str
    label: str
    test: str
    reason: str
    """A sentence without full stop."""


class Resolution(NamedTuple):
    """The contrasts of a design."""

    contrasts: tuple[ContrastSpecification, ...]
    """All with regressors that some run has."""
    left_out: tuple[LeftOut, ...]
    """Those over a condition that this participant never had."""
    notes: tuple[str, ...]


class Elsewhere(Protocol):
    """The conditions of the whole data set, by their regressor names."""

    @property
    def names(self) -> Collection[str]:
        """For hints."""
        ...

    def __call__(self, name: str, /) -> bool:
        """Whether somebody has it."""
        ...


class _Nowhere:
    names = ()

    def __call__(self, _: str, /) -> bool:
        return False


def resolve_contrasts(
    model: ModelSpecification,
    columns_per_run: Sequence[Sequence[str]],
    elsewhere: Elsewhere | None = None,
) -> Resolution:
    """Contrasts over the regressors of a design: those of DummyContrasts, then those written out.

    A condition in DummyContrasts gets one contrast on the first function of ``spm`` and ``glover`` (its main
    effect, without derivatives and modulators), and one for each function of a FIR, Fourier or gamma set.
    Its name goes without ``trial_type.``, unless a contrast written out has that name; if this one is the
    same, it is not repeated. Any other regressor may be named literally, or matched by a glob.

    Parameters
    ----------
    model
        Contrasts and dummy contrasts, names as in X.
    columns_per_run
        Names of the regressors of each run's design.
    elsewhere
        Whether somebody else in the data set has a condition: a contrast over it is left out, not refused.

    Raises
    ------
    DataError
        A contrast over a regressor that nobody's runs have (not in an automatic model), or equal labels.

    Examples
    --------
    >>> model = ModelSpecification("m", ("trial_type.go",), dummy_contrasts=("trial_type.*",))
    >>> resolve_contrasts(model, [("trial_type.go", "trial_type.go_derivative", "constant")])[0][0].name
    'go'
    """
    elsewhere = elsewhere or _Nowhere()
    columns = tuple(dict.fromkeys(chain.from_iterable(columns_per_run)))
    left_out: list[LeftOut] = []
    written = _existing(model, columns, elsewhere, left_out)
    dummies = _dummy_contrasts(model, columns, elsewhere, left_out)
    by_name = {contrast.name: contrast for contrast in model.contrasts}
    single = (_dummy(regressor, by_name) for regressor in dummies)
    contrasts: list[ContrastSpecification] = []
    for contrast in (*filter(None, single), *written):
        contrasts.append(contrast)
        try:
            check_labels(contrasts)
        except DataError as error:
            raise DataError(f"{model.place}: {error}") from None
    notes = [f"Contrast {each.name!r} is left out: {each.reason}." for each in left_out]
    if not contrasts:
        notes.append("The model defines no contrast that this design has: no contrast maps.")
    return Resolution(tuple(contrasts), tuple(left_out), tuple(notes))


def _existing(
    model: ModelSpecification,
    columns: Sequence[str],
    elsewhere: Elsewhere,
    left_out: list[LeftOut],
) -> list[ContrastSpecification]:
    """Contrasts written out whose regressors exist; of the others, those that somebody else has are noted."""
    kept, known = [], set(columns)
    for contrast in model.contrasts:
        missing = [name for name in contrast.conditions if name not in known]
        wrong = [name for name in missing if not _never_had(name, model, elsewhere)]
        if wrong:
            raise DataError(
                f"{model.place}: contrast {contrast.name!r}: no run has a regressor "
                f"{wrong[0]!r}{hint(wrong[0], (*columns, *sorted(elsewhere.names)))}"
            )
        if missing:
            left_out.append(LeftOut(contrast.name, contrast.label, contrast.test, _reason(missing)))
        else:
            kept.append(contrast)
    return kept


def _reason(missing: Iterable[str]) -> str:
    return f"no run has {' and '.join(repr(name) for name in missing)}"


def _never_had(name: str, model: ModelSpecification, elsewhere: Elsewhere) -> bool:
    """Whether a regressor that no run has would be there if the participant had the condition."""
    return model.automatic or any(
        elsewhere(condition) for condition in _possible_conditions(name, model) if matches(condition, model.x)
    )


def _possible_conditions(regressor: str, model: ModelSpecification) -> Iterator[str]:
    """Names of conditions that a regressor may be made of, without suffixes of functions and modulators."""
    endings = [suffix for suffix in model.hrf.suffixes if regressor.endswith(suffix)]
    for stem in dict.fromkeys(regressor.removesuffix(ending) for ending in ("", *endings)):
        yield stem
        if _is_modulator(stem, model):
            yield stem.rpartition("_x_")[0]


def _dummy_contrasts(
    model: ModelSpecification,
    columns: Sequence[str],
    elsewhere: Elsewhere,
    left_out: list[LeftOut],
) -> Iterable[str]:
    """Regressors that get a contrast each; names of which there is no regressor are noted."""
    found: list[str] = []
    for pattern in model.dummy_contrasts:
        regressors = _dummy_regressors(pattern, model, columns)
        # A glob of X that finds nothing adds nothing, neither a column nor a contrast.
        adds_nothing = pattern == ALL_CONDITIONS or (is_glob(pattern) and pattern in model.x)
        if not regressors and not adds_nothing:
            if not _never_had(pattern, model, elsewhere):
                raise DataError(
                    f"{model.place}: DummyContrasts: no run has a regressor {pattern!r}"
                    f"{hint(pattern, (*columns, *sorted(elsewhere.names)))}"
                )
            name = pattern.removeprefix(TRIAL_TYPE)
            left_out.append(LeftOut(name, contrast_label(name), "t", _reason([pattern])))
        found += regressors
    return dict.fromkeys(found)


def _dummy(regressor: str, by_name: Mapping[str, ContrastSpecification]) -> ContrastSpecification | None:
    """Contrast of one regressor, unless it is written out under the same name."""
    name = regressor.removeprefix(TRIAL_TYPE)
    dummy = single_contrast(name, regressor)
    other = by_name.get(name)
    if other is None:
        return dummy
    if (other.test, other.conditions) == ("t", (regressor,)) and np.array_equal(other.weights, dummy.weights):
        return None
    return single_contrast(regressor, regressor)


def _dummy_regressors(pattern: str, model: ModelSpecification, columns: Sequence[str]) -> tuple[str, ...]:
    """Regressors that one entry of DummyContrasts means."""
    if pattern in columns:
        return (pattern,)
    stems = _stems(model, columns)
    meant = matching(pattern, dict.fromkeys(stems.values()))
    return tuple(column for column, stem in stems.items() if stem in meant) or matching(pattern, columns)


def _stems(model: ModelSpecification, columns: Sequence[str]) -> dict[str, str]:
    """Regressors of main effects, each with its condition, and confounds, each by itself.

    Of ``spm`` and ``glover`` only the first function counts, of the other sets each one.
    """
    suffixes = model.hrf.suffixes
    stems: dict[str, str] = {}
    for column in columns:
        suffix = next((s for s in suffixes if s and column.endswith(s)), "")
        stem = column.removesuffix(suffix)
        is_derivative = "" in suffixes and suffix and stem in columns
        modulates = _is_modulator(column, model) or _is_modulator(stem, model)
        if column != CONSTANT and not is_derivative and not modulates:
            stems[column] = column if "" in suffixes else stem
    return stems


def _is_modulator(name: str, model: ModelSpecification) -> bool:
    """Whether a regressor, without the suffix of its function, is one of the model's modulators."""
    requests = [(m.conditions, m.name, m.order) for m in model.modulations]
    requests += [(m.conditions, TIME, m.order) for m in model.time_modulations]
    endings = [(conditions, f"_x_{key}^{i + 1}") for conditions, key, order in requests for i in range(order)]
    return any(
        name.endswith(ending) and matching(TRIAL_TYPE + condition, [name.removesuffix(ending)])
        for conditions, ending in endings
        for condition in conditions
    )
