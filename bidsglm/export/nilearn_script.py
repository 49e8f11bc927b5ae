"""A unit's model as a script of nilearn."""

from collections.abc import Mapping
from importlib.metadata import version

from bidsglm.backends.nilearn_design import design_arguments, slice_time_ref
from bidsglm.design_space import independent_rows
from bidsglm.export.nilearn_tables import (
    COLUMNS,
    PLAIN_COLUMNS,
    Naming,
    confounds_suffice,
    confounds_table,
    events_suffice,
    events_table,
    naming,
)
from bidsglm.export.record import Averaged, Exported
from bidsglm.export.templating import rendered
from bidsglm.model import ModelSpecification

SCRIPT = "nilearn_script.py"
ROOT, HERE = "root", "here"
SCALING = {
    "0": "of each voxel's own mean in percent; SPM divides a run by one number",
    "False": "none; SPM divides a run by one number",
    "(0, 1)": "of the mean over the mask in percent, close to SPM's division by one number",
}


def nilearn_script(exported: Exported) -> dict[str, bytes]:
    """File name -> content of the script and of the tables it reads that are not in the data set."""
    prepared, files = exported.prepared, dict[str, bytes]()
    hrf = prepared.model.nilearn.hrf or prepared.model.hrf
    names = naming(prepared.paradigms, hrf.suffixes)
    wanted = list(dict.fromkeys(names.short.values()))
    plain = _plain(exported, names, wanted)
    runs = [_run(exported, i, names, plain, files) for i in range(len(prepared.paradigms))]
    script = rendered(
        "nilearn_script.py.jinja",
        **_data(exported),
        **_settings(exported),
        runs=runs,
        conditions=wanted,
        event_columns="[" + ", ".join(f'"{c}"' for c in (PLAIN_COLUMNS if plain else COLUMNS)) + "]",
        contrasts=[_contrast(c, names) for c in exported.contrasts],
        some_nuisance=any(run["nuisance"] for run in runs),
        some_without_nuisance=not all(run["nuisance"] for run in runs),
        some_without_events=not all(p.conditions for p in prepared.paradigms),
    )
    return {SCRIPT: script, **files}


def _plain(exported: Exported, names: Naming, wanted: list[str]) -> bool:
    """Whether the events of all runs can be read from the data set."""
    prepared = exported.prepared
    return all(
        run.events is not None
        and exported.root.holds(run.events)
        and events_suffice(run.events, paradigm.conditions, names, wanted)
        for run, paradigm in zip(prepared.unit.runs, prepared.paradigms, strict=True)
    )


def _run(
    exported: Exported, index: int, names: Naming, plain: bool, files: dict[str, bytes]
) -> Mapping[str, object]:
    """A run as the template wants it; tables that have to be written are added to the files."""
    prepared = exported.prepared
    run, paradigm = prepared.unit.runs[index], prepared.paradigms[index]
    if plain and run.events is not None:
        events_place, events = ROOT, exported.root.below(run.events)
    else:
        events_place, events = HERE, exported.beside(index, "events.tsv")
        frame_times = design_arguments(paradigm, prepared.model)["frame_times"]
        files[events] = events_table(paradigm.conditions, names, frame_times)
    if run.confounds is not None and confounds_suffice(run.confounds, paradigm):
        confounds_place, confounds = ROOT, exported.root.below(run.confounds)
    else:
        confounds_place, confounds = HERE, exported.beside(index, "confounds.tsv")
        if paradigm.confound_names:
            files[confounds] = confounds_table(paradigm)
    return {
        "label": exported.run_labels[index],
        "bold": exported.root.below(run.bold),
        "events_place": events_place,
        "events": events,
        "confounds_place": confounds_place,
        "confounds": confounds,
        "nuisance": paradigm.confound_names,
        "repetition_time": repr(paradigm.repetition_time),
        "slice_time_ref": repr(slice_time_ref(paradigm, prepared.model)),
    }


def _data(exported: Exported) -> dict[str, object]:
    own = exported.masks and not exported.one_mask_grid
    prefix = exported.prepared.unit.prefix
    return {
        **exported.header,
        "nilearn_version": version("nilearn"),
        "masks": [exported.root.below(mask) for mask in exported.masks],
        "mask_map": f"{exported.maps}/{prefix}_desc-nilearn_mask.nii.gz" if own else "",
    }


def _settings(exported: Exported) -> dict[str, object]:
    model: ModelSpecification = exported.prepared.model
    arguments = design_arguments(exported.prepared.paradigms[0], model)
    own = model.nilearn.high_pass
    scaling = str(model.nilearn.signal_scaling)
    return {
        "hrf_model": arguments["hrf_model"],
        "fir_delays": arguments["fir_delays"],
        "drift_model": arguments["drift_model"],
        "high_pass": f"{model.high_pass if own is None else own:.17g}",
        "noise_model": model.nilearn.noise_model,
        "signal_scaling": scaling,
        "scaling_words": SCALING[scaling],
        "fwhm": repr(model.smoothing_fwhm) if model.smoothing_fwhm else "",
        "intercept": model.intercept,
    }


def _contrast(contrast: Averaged, names: Naming) -> Mapping[str, object]:
    """A contrast by nilearn's names, without redundant rows: nilearn inverts their covariance."""
    specification = contrast.specification
    columns = [names.column(condition) for condition in specification.conditions]
    weights = specification.weights
    rows = [
        {name: repr(weight) for name, weight in zip(columns, weights[i].tolist(), strict=True) if weight}
        for i in independent_rows(weights)
    ]
    return {
        "name": specification.name,
        "label": specification.label,
        "test": specification.test,
        "rows": rows,
        "runs": list(contrast.runs),
    }
