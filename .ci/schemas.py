"""Writes strict JSON schemas for kubeconform: schemas.py VERSION OPERATOR_JAR FOLDER.

Those of Kubernetes' own kinds are in the package kubernetes-validate. Those of the Flink operator's are made from the definitions in its
jar: an object that lists its properties has no others, unless the schema says so."""
import json
import pathlib
import sys
import zipfile

import kubernetes_validate
import yaml


def strict(schema):
    if isinstance(schema, list):
        return [strict(element) for element in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: strict(value) for key, value in schema.items()}
    lists = isinstance(schema.get("properties"), dict) and "additionalProperties" not in schema
    if lists and not schema.get("x-kubernetes-preserve-unknown-fields"):
        result["additionalProperties"] = False
    return result


version, operator, folder = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
folder.mkdir()
package = pathlib.Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema" / f"v{version}-local-strict"
for file in package.glob("*.json"):
    schema = json.loads(file.read_text().replace('"/api/_definitions.json', '"_definitions.json'))
    schema.pop("$id", None)  # so that they refer to the file beside them
    (folder / file.name).write_text(json.dumps(schema))
with zipfile.ZipFile(operator) as jar:
    for name in jar.namelist():
        if name.startswith("META-INF/fabric8/") and name.endswith("-v1.yml"):
            spec = yaml.safe_load(jar.read(name))["spec"]
            group, kind = spec["group"].split(".")[0], spec["names"]["singular"]
            for served in spec["versions"]:
                schema = served["schema"]["openAPIV3Schema"]
                schema["properties"].update(apiVersion={"type": "string"}, kind={"type": "string"}, metadata={"type": "object"})
                (folder / f"{kind}-{group}-{served['name']}.json").write_text(json.dumps(strict(schema)))
