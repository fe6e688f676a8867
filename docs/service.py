"""A running service, for the scripts of this folder."""
import json
import time
import urllib.request


def call(url, path, body=None, content_type="application/json"):
    """The bytes of an answer; whatever is not 2xx is raised."""
    return urllib.request.urlopen(urllib.request.Request(url + path, body, {"Content-Type": content_type})).read()


def post_dataset(url, kind, file):
    """Upload the bytes of a file: the dataset's id."""
    return json.loads(call(url, "/v1/datasets?kind=" + kind, file, "application/octet-stream"))["id"]


def fit(url, body, look=lambda: None):
    """Post a job and await its end: the job, succeeded.  look() is called while it runs."""
    job = json.loads(call(url, "/v1/jobs", json.dumps(body).encode()))
    while job["status"] in ("queued", "running"):
        time.sleep(0.1)
        look()
        job = json.loads(call(url, "/v1/jobs/" + job["id"]))
    if job["status"] != "succeeded":
        raise SystemExit(f"{job['id']} {job['status']}: {job['error']}")
    return job
