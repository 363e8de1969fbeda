"""What the processes of one program take that it started itself, without those of other programs among them."""

import os, time

TICK = os.sysconf("SC_CLK_TCK")


def fields_of(process):
    """What stands behind the name in stat(5): state, parent, …"""
    with open(f"/proc/{process}/stat") as file:
        return file.read().rsplit(")", 1)[1].split()


def children_of(process):
    folder = f"/proc/{process}/task"
    for task in os.listdir(folder):
        with open(f"{folder}/{task}/children") as file:
            yield from map(int, file.read().split())


class OwnProcesses:
    """The process, and those among its descendants that run the same program. Looks at them every 50 ms: what they take
    later than that before their end isn't seen."""

    def __init__(self, first, program):
        self.first, self.program = first, os.path.realpath(program)
        self.seen = {}  # by process: what it is, seconds, bytes

    def watch(self, popen):
        while popen.poll() is None:
            self.look()
            time.sleep(0.05)

    def look(self):
        level = [self.first]
        while level:
            process = level.pop()
            try:
                if os.readlink(f"/proc/{process}/exe") == self.program:
                    self.note(process)
                    level += children_of(process)
            except OSError:
                pass  # it has ended

    def note(self, process):
        fields = fields_of(process)
        with open(f"/proc/{process}/status") as file:
            peak = next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))
        with open(f"/proc/{process}/cmdline") as file:
            words = file.read().split("\0")
        name = words[1] if len(words) > 1 else ""
        self.seen[process] = (name, (int(fields[11]) + int(fields[12])) / TICK, peak)

    def processor_s(self):
        return sum(seconds for _, seconds, _ in self.seen.values())

    def most_memory(self):
        return max(peak for _, _, peak in self.seen.values())

    def parts(self, trials):
        """Processor time by the command that a process has: "run 0.61 ms, agent 0.52 ms"."""
        times = {}
        for name, seconds, _ in self.seen.values():
            times[name] = times.get(name, 0) + seconds
        return ", ".join(f"{name} {1e3 * seconds / trials:.2g} ms" for name, seconds in times.items())
