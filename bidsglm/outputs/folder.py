"""The files of a unit or of a group in its folder."""

from pathlib import Path


class FolderWriter:
    """Remembers the names of the files that are written."""

    def __init__(self, output_dir: Path, folder: str, space: str) -> None:
        self.output_dir, self.folder, self.space = output_dir, folder, space
        self.files: list[str] = []
        """Relative to the output folder"""

    def path(self, name: str) -> Path:
        """Full path of a file in the folder, noted as written."""
        relative = f"{self.folder}/{name}"
        self.files.append(relative)
        return self.output_dir / relative

    def table_path(self, name: str) -> Path:
        """Full path of a table, noted with its sidecar."""
        path = self.path(f"{name}.tsv")
        self.path(f"{name}.json")
        return path
