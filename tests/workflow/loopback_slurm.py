"""A real SLURM of two nodes on loopback, without root, database or systemd."""

import os
import pwd
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

PROGRAMS = ("sbatch", "srun", "squeue", "scancel", "scontrol", "sinfo", "sacct", "sacctmgr")
SLURM_CONF = """\
ClusterName=srnet
SlurmctldHost=localhost(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
SlurmctldPort={controller}
AuthType=auth/none
CredType=cred/none
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,bf_interval=1
ReturnToService=2
MpiDefault=none
MailProg=/bin/true
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc={folder}/completed.txt
MinJobAge=3600
EnforcePartLimits=ALL
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmdParameters=config_overrides
KillWait=5
GresTypes=gpu
NodeName=one NodeHostname=localhost NodeAddr=127.0.0.1 Port={one} CPUs=4 RealMemory=64000 \
Gres=gpu:1 State=UNKNOWN
NodeName=two NodeHostname=localhost NodeAddr=127.0.0.1 Port={two} CPUs=4 RealMemory=64000 \
State=UNKNOWN
PartitionName=all Nodes=one,two Default=YES MaxTime=INFINITE State=UP
"""


class LoopbackSlurm:
    """The cluster in one folder, a GPU in its first node; all that it starts ends with `stop`."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.daemons: list[subprocess.Popen[bytes]] = []
        for name in ("state", "bin"):
            (folder / name).mkdir(parents=True)
        controller, one, two = _free_ports(3)
        user = pwd.getpwuid(os.getuid()).pw_name
        conf = SLURM_CONF.format(folder=folder, user=user, controller=controller, one=one, two=two)
        (folder / "slurm.conf").write_text(conf, encoding="utf-8")
        (folder / "gres.conf").write_text(
            "NodeName=one Name=gpu File=/dev/null\n", encoding="utf-8"
        )
        for program in PROGRAMS:
            self._shim(program)

    def _shim(self, program: str) -> None:
        """Wrap a client program, since the executor drops SLURM_CONF from the environment."""
        real = shutil.which(program)
        if real is None or program.startswith("sacct"):
            return
        shim = self.folder / "bin" / program
        shim.write_text(
            f'#!/bin/sh\nSLURM_CONF={self.folder}/slurm.conf exec {real} "$@"\n', encoding="utf-8"
        )
        shim.chmod(0o755)

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables with which client programs find this cluster."""
        path = f"{self.folder / 'bin'}:{os.environ['PATH']}"
        return {"SLURM_CONF": f"{self.folder}/slurm.conf", "PATH": path}

    def start(self) -> None:
        """Start the daemons and wait until both nodes are idle.

        Raises:
            TimeoutError: they are not after a minute; with the end of the controller's log.
        """
        for command in ("slurmctld -D", "slurmd -D -N one", "slurmd -D -N two"):
            daemon = subprocess.Popen(
                command.split(),
                env=os.environ | self.environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            self.daemons.append(daemon)
        deadline = time.monotonic() + 60
        while self.client("sinfo", "--noheader", "--Node", "--format=%T").split() != ["idle"] * 2:
            if time.monotonic() > deadline:
                log = self.folder / "slurmctld.log"
                text = log.read_text(encoding="utf-8") if log.is_file() else "no log"
                raise TimeoutError(text[-2000:])
            time.sleep(0.5)

    def client(self, *command: str) -> str:
        """Run a client program and return what it printed."""
        done = subprocess.run(
            command, env=os.environ | self.environment, capture_output=True, encoding="utf-8"
        )
        return done.stdout

    def jobs(self) -> list[tuple[str, str]]:
        """Return number and state of every job that the controller remembers."""
        listed = self.client("squeue", "--noheader", "--states=all", "--format=%i %T")
        return [(line.split()[0], line.split()[1]) for line in listed.splitlines()]

    def granted(self, job: str) -> tuple[str, str, str | None]:
        """Return cores, memory and generic resources that a job was given."""
        shown = self.client("scontrol", "show", "job", job)
        facts = dict(re.findall(r"(NumCPUs|MinMemoryNode|TresPer)\w*=(\S+)", shown))
        return facts["NumCPUs"], facts["MinMemoryNode"], facts.get("TresPer")

    def stop(self) -> None:
        """Cancel all jobs and end the daemons."""
        self.client("scancel", "--user", pwd.getpwuid(os.getuid()).pw_name)
        for daemon in reversed(self.daemons):
            daemon.terminate()
            try:
                daemon.wait(timeout=30)
            except subprocess.TimeoutExpired:
                daemon.kill()


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
