"""``--export-code``: writes a finished unit's code below its folder."""

from bidsglm.add_ons import AddOn, FinishedUnit, Written
from bidsglm.data import Unit
from bidsglm.dataset.masks import masks_share_grid
from bidsglm.export.afni_script import SCRIPT as AFNI_SCRIPT
from bidsglm.export.afni_script import afni_script
from bidsglm.export.feat_design import SCRIPT as FSL_SCRIPT
from bidsglm.export.feat_design import feat_designs
from bidsglm.export.locations import data_root
from bidsglm.export.nilearn_script import SCRIPT as NILEARN_SCRIPT
from bidsglm.export.nilearn_script import nilearn_script
from bidsglm.export.record import Averaged, Exported, averaged
from bidsglm.export.spm_batch import SCRIPT as SPM_SCRIPT
from bidsglm.export.spm_batch import spm_batch
from bidsglm.outputs.names import write_bytes
from bidsglm.settings import Settings
from bidsglm.unit.preparation import Prepared, prepare

NAME = "code"
EXPORTS = {"spm": spm_batch, "nilearn": nilearn_script, "afni": afni_script, "fsl": feat_designs}
SCRIPTS = {"spm": SPM_SCRIPT, "nilearn": NILEARN_SCRIPT, "afni": AFNI_SCRIPT, "fsl": FSL_SCRIPT}


def code_add_on(settings: Settings) -> AddOn:
    """The code of `--export-code`.

    It holds the way from the output folder to the data, so it is written anew where that has changed.
    """
    places = f"{settings.output_dir.resolve()} {settings.bids_dir.resolve()}"
    return AddOn(NAME, places, _write)


def code_folder(unit: Unit) -> str:
    """Where a unit's code stands, relative to the output folder; MATLAB runs no file with - in its name.

    >>> code_folder(Unit("01", {}, "sub-01_task-x", "sub-01/ses-a/func", (), ()))
    'sub-01/ses-a/code/sub-01_task-x'
    """
    return f"{unit.folder.removesuffix('func')}code/{unit.prefix}"


def exported_unit(settings: Settings, prepared: Prepared, contrasts: tuple[Averaged, ...]) -> Exported:
    """A unit and where its code will stand.

    Raises
    ------
    NoInputError, ReadWriteError, DataError
        When an image or a mask cannot be read.
    """
    unit = prepared.unit
    folder = code_folder(unit)
    code = settings.output_dir / folder
    return Exported(
        prepared=prepared,
        contrasts=contrasts,
        root=data_root(code, settings.bids_dir, unit.runs[0].bold, unit.participant),
        one_mask_grid=masks_share_grid(unit.runs),
        maps="../" * (folder.count("/") + 1) + unit.folder,
    )


def exported_files(exported: Exported) -> dict[str, bytes]:
    """File name -> content of the code of all backends."""
    return {
        name: content
        for backend in exported.prepared.designs
        for name, content in EXPORTS[backend](exported).items()
    }


def _write(finished: FinishedUnit) -> Written:
    unit, settings = finished.unit, finished.settings
    prepared = prepare(unit, finished.model, tuple(finished.summary["backends"]))
    exported = exported_unit(settings, prepared, averaged(prepared, finished.summary["contrasts"]))
    folder, files = code_folder(unit), exported_files(exported)
    for name, content in files.items():
        write_bytes(settings.output_dir / folder / name, content)
    scripts = {backend: f"{folder}/{SCRIPTS[backend]}" for backend in prepared.designs}
    return Written([f"{folder}/{name}" for name in files], {"scripts": scripts})
