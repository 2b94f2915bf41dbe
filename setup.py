"""The dbt project stands at the root of the repository, where dbt users look; a wheel carries a copy."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
PROJECT = (
    "dbt_project.yml",
    "profiles.yml",
    "macros/**/*.sql",
    "models/**/*.*",
    "python_models/**/*.*",
    "seeds/*.*",
    "tests/*.sql",
)


class BuildWithProject(build_py):
    """Copies the dbt project to ``segmentry/_project``, from where `segmentry.project` runs it."""

    def run(self) -> None:
        """Copy, except into an editable install: that uses the repository itself."""
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib) / "segmentry" / "_project"
        shutil.rmtree(target, ignore_errors=True)
        for pattern in PROJECT:
            for source in sorted(ROOT.glob(pattern)):
                if source.is_file() and "__pycache__" not in source.parts:
                    copy = target / source.relative_to(ROOT)
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(source, copy)


setup(cmdclass={"build_py": BuildWithProject})
