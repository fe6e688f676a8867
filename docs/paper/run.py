"""A service of the driver's own, and what was asked of it: nothing is computed twice.

Sweeps are recorded by a digest of their body.  A sweep that is there is waited for, one that has ended is read from a file.
"""
import hashlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request


def note(*words):
    print(time.strftime("%H:%M:%S"), *words, flush=True)


class Refused(Exception):
    """An answer that is not 2xx: status and detail."""

    def __init__(self, status, text):
        super().__init__(f"{status}: {text}")
        self.status = status


class Service:
    """One `farfield serve` over a folder, on a free port; or one that runs already."""

    def __init__(self, program=None, folder=None, url=None):
        self.process = None
        self.program = program
        self.url = url
        if url:
            return
        workers = str(os.cpu_count() or 1)  # small fits gain more by running side by side than by sharing
        with open(folder / "service.log", "ab") as log:
            self.process = subprocess.Popen(
                [program, "serve", "--listen", "127.0.0.1:0", "--data", folder / "data", "--workers", workers, "--threads", "1",
                 "--no-auth", "--json-bytes", "16MiB"], stdout=subprocess.PIPE, stderr=log, text=True)
        line = self.process.stdout.readline()
        if "listening on" not in line:
            raise SystemExit(f"the service did not start: see {folder.name}/service.log")
        self.url = line.split()[-1]

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(60)
            self.process = None

    def bytes(self, path, body=None, content_type="application/json", headers=None):
        request = urllib.request.Request(self.url + path, body, {"Content-Type": content_type, **(headers or {})})
        try:
            with urllib.request.urlopen(request, timeout=600) as answer:
                return answer.read()
        except urllib.error.HTTPError as e:
            raise Refused(e.code, e.read().decode(errors="replace")[:2000]) from None

    def get(self, path):
        return json.loads(self.bytes(path))

    def post(self, path, body, **headers):
        return json.loads(self.bytes(path, json.dumps(body).encode(), headers=headers))

    def dataset(self, kind, name, data):
        """Upload: the dataset's id.  The same bytes are the same dataset."""
        path = f"/v1/datasets?kind={kind}&name={urllib.parse.quote(name)}"
        return json.loads(self.bytes(path, data, "application/octet-stream"))["id"]

    def sample(self, name, **options):
        """The bytes of `farfield sample`."""
        out = pathlib.Path("/dev/stdout")
        words = [w for key, value in options.items() for w in (f"--{key}", str(value))]
        made = subprocess.run([self.program, "sample", name, *words, "--out", out], capture_output=True, check=False)
        if made.returncode or not made.stdout:
            raise SystemExit(f"sample {name}: {made.stderr.decode()}")
        return made.stdout


def digest(*things):
    return hashlib.sha256(json.dumps(things, sort_keys=True).encode()).hexdigest()[:24]


class Archive:
    """What was asked, by digest, in a folder: answers of theory, sweeps with their jobs, pictures of fields."""

    def __init__(self, service, folder):
        self.service = service
        self.folder = folder
        self.waited = set()  # sweeps that have not been finished, by id
        folder.mkdir(parents=True, exist_ok=True)

    def _kept(self, name):
        path = self.folder / name
        return path.read_bytes() if path.exists() else None

    def _keep(self, name, data):
        part = self.folder / (name + ".part")
        part.write_bytes(data)
        part.replace(self.folder / name)
        return data

    def ask(self, path, body):
        """A question that is answered at once."""
        name = digest(path, body) + ".json"
        kept = self._kept(name)
        if kept is None:
            kept = self._keep(name, json.dumps(self.service.post(path, body)).encode())
        return json.loads(kept)

    def begin(self, name, body):
        """Post a sweep, unless it has been: a handle for finish()."""
        key = digest(body)
        if self._kept(key + ".json"):
            return key, None
        known = self._kept(key + ".id")
        if known:
            try:
                if self.service.get("/v1/sweeps/" + known.decode())["status"] in ("queued", "running", "succeeded"):
                    self.waited.add(known.decode())
                    return key, known.decode()
            except Refused:
                pass  # its data is gone
        sweep = self.service.post("/v1/sweeps", {"name": name[:128], **body})
        self._keep(key + ".id", sweep["id"].encode())
        self.waited.add(sweep["id"])
        return key, sweep["id"]

    def n_left(self):
        """Fits that have not ended, of all sweeps that are waited for."""
        sweeps = [self.service.get("/v1/sweeps/" + i) for i in self.waited]
        return sum(s["jobs"]["queued"] + s["jobs"]["running"] for s in sweeps)

    def finish(self, handle, say=note):
        """Wait for a sweep: {"cells": [{"setting", "jobs": [{"dataset_id", "seed", "metrics", "field_id", "seconds"}]}]}."""
        key, sweep_id = handle
        kept = self._kept(key + ".json")
        if kept:
            return json.loads(kept)
        told = 0
        while True:
            sweep = self.service.get("/v1/sweeps/" + sweep_id)
            n = sweep["jobs"]
            if sweep["status"] not in ("queued", "running"):
                break
            if time.time() - told > 60:
                told = time.time()
                say(f"{sweep['name']}: {sweep['n_jobs'] - n['queued'] - n['running']} of {sweep['n_jobs']} fits; {self.n_left()} are left in all")
            time.sleep(0.5)
        self.waited.discard(sweep_id)
        if sweep["status"] == "canceled":
            raise SystemExit(f"{sweep['name']} was canceled")
        jobs = {}
        cursor = ""
        while cursor is not None:
            page = self.service.get(f"/v1/jobs?sweep_id={sweep_id}&limit=200" + (f"&cursor={cursor}" if cursor else ""))
            jobs.update((j["id"], j) for j in page["items"])
            cursor = page["next_cursor"]
        cells = []
        for cell in sweep["cells"]:
            rows = []
            for j in (jobs[i] for i in cell["job_ids"]):
                if j["status"] != "succeeded":
                    say(f"{j['id']} of {sweep['name']}: {j['status']} {(j['error'] or {}).get('detail', '')}")
                    continue
                rows.append({"id": j["id"], "dataset_id": j["dataset_id"], "seed": j["spec"]["train"]["seed"],
                             "field_id": j["field_id"], "metrics": j["metrics"], "precision": j["spec"]["train"]["precision"],
                             "steps": j["step"]})
            cells.append({"setting": cell["setting"], "jobs": rows})
        return json.loads(self._keep(key + ".json", json.dumps({"cells": cells}).encode()))

    def values(self, field_id, points):
        """Values of a field at source coordinates, [n, D] -> [n, C], as lists."""
        body = {"coords": points}
        return self.ask(f"/v1/fields/{field_id}/query", body)["value"]

    def image(self, field_id, width, form):
        """A field as a picture."""
        name = f"{field_id}-{width}.{form}"
        return self._kept(name) or self._keep(
            name, self.service.bytes(f"/v1/fields/{field_id}/image?width={width}&height={width}&format={form}"))
