from pathlib import Path

from srnet.acquire.scans import list_scans
from srnet.config.run import FLOORS, Config
from srnet.provenance.digest import code_digest

CONFIG = Config.parse(config)
SCANS = {scan.scan_id: scan for scan in list_scans(CONFIG.cohort)}
SCRIPTS = Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).parent / "scripts"


def code(rule, *modules):
    return code_digest(SCRIPTS / f"{rule}.py", *modules)


def net_code(rule):
    def digest(wildcards):
        return code(rule, f"srnet.nets.{CONFIG.net(wildcards.method).name}")

    return digest


def table_rows(wildcards):
    return [*FLOORS, *getattr(CONFIG.tables, wildcards.table)]


wildcard_constraints:
    scan="|".join(SCANS),
    part="train|validation|test",
    method="|".join(CONFIG.methods),
    floor="|".join(FLOORS),
    table="table[123]",
