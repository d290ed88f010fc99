"""Checks what hpa-feat wrote against schemas/README.md and the schemas that it names; prints what is wrong, a line each.

check_outputs.py tree FOLDER..            every file of project folders must be in the table, and what its schema says; every kind must be there
check_outputs.py files FOLDER F=SCHEMA..  each file F of FOLDER must be what SCHEMA says, such as stats.json=output.schema.json#/$defs/stats
check_outputs.py schemas                  every schema must be sound, and stand in the table
"""
import csv
import fnmatch
import json
import pathlib
import re
import struct
import sys

import jsonschema
import lmdb
import referencing
import yaml

schemas = pathlib.Path(__file__).resolve().parent.parent.parent / "schemas"
registry = referencing.Registry().with_resources(
    (file.name, referencing.Resource.from_contents(json.loads(file.read_text()))) for file in schemas.glob("*.schema.json"))


def documented(text):
    """(pattern, schemas) of every row in the tables of schemas/README.md; words in capitals stand for any name."""
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if len(cells) == 3 and cells[0].startswith("`"):
            for pattern in re.findall("`([^`]+)`", cells[0]):
                yield re.sub("[A-Z]{2,}|N", "*", pattern), re.findall(r"\]\(([^)]+)\)", cells[1])


readme = (schemas / "README.md").read_text()
project_files = list(documented(readme.partition("## In a project folder")[2].partition("\n## ")[0]))


def json_faults(value, schema, root=None):
    validator = jsonschema.Draft202012Validator(schema, registry=registry, format_checker=jsonschema.FormatChecker())
    if root:
        validator = validator.evolve(_resolver=registry.resolver(root))
    for error in validator.iter_errors(value):
        yield f"{error.json_path}: {error.message[:300]}"


def named_faults(value, name):
    """Faults of a value by `NAME.schema.json`, or by a part of it, and of the JSON inside of its texts."""
    yield from json_faults(value, {"$ref": name})
    schema = registry.resolver().lookup(name).contents
    for key, part in schema.get("properties", {}).items():
        if "contentSchema" in part and isinstance(value, dict) and key in value:
            yield from (f"{key} {fault}" for fault in json_faults(json.loads(value[key]), part["contentSchema"], root=name))


def table_faults(path, schema):
    """Faults of a CSV by a Table Schema (https://datapackage.org/standard/table-schema/), as far as schemas/ uses it."""
    with open(path, newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file, delimiter="\t" if path.suffix == ".tsv" else ",", strict=True)
    fields = schema["fields"]
    names = [field["name"] for field in fields]
    if (header if schema.get("fieldsMatch") != "subset" else [name for name in header if name in names]) != names:
        yield f"its columns are {header}, not {names}"
        return
    for field in fields:
        column = [row[header.index(field["name"])] for row in rows]
        for line, text in enumerate(column, start=2):
            yield from (f"line {line}: '{text}' in {field['name']}: {fault}" for fault in field_faults(text, field))
        if field.get("constraints", {}).get("unique") and len(set(column)) < len(column):
            yield f"{field['name']} holds a value twice"
    keys = [tuple(row[header.index(name)] for name in schema.get("primaryKey", [])) for row in rows]
    if keys and keys[0] and len(set(keys)) < len(keys):
        yield f"two rows have the same {schema['primaryKey']}"


def field_faults(text, field):
    rules = field.get("constraints", {})
    if text == "":
        if rules.get("required"):
            yield "is missing"
        return
    if field["type"] in ("integer", "number"):
        try:
            value = {"integer": int, "number": float}[field["type"]](text)
        except ValueError:
            yield f"is no {field['type']}"
            return
        if not rules.get("minimum", value) <= value <= rules.get("maximum", value):
            yield "is out of range"
    if "enum" in rules and text not in rules["enum"]:
        yield "is none of the values"
    if "pattern" in rules and not re.fullmatch(rules["pattern"], text):
        yield f"is not {rules['pattern']}"


def file_faults(path, name):
    """Faults of a file by one schema."""
    if name.endswith(".table.json"):
        yield from table_faults(path, json.loads((schemas / name).read_text()))
    elif path.suffix == ".safetensors":
        content = path.read_bytes()
        header = json.loads(content[8:8 + struct.unpack("<Q", content[:8])[0]])
        yield from named_faults(header.get("__metadata__", {}), name)
    elif path.suffix == ".mdb":
        yield from store_faults(path, name)
    elif path.suffix == ".jsonl":
        for line in path.read_text().splitlines():
            yield from named_faults(json.loads(line), name)
    else:
        value = (json.loads if path.suffix == ".json" else yaml.safe_load)(path.read_text())
        yield from named_faults(value, name)
        if path.suffix == ".json" and "format" in registry.resolver().lookup(name).contents.get("properties", {}) and "format" not in value:
            yield "it has no format"


def store_faults(path, name):
    with lmdb.open(str(path.parent), readonly=True, lock=False, max_dbs=2) as environment, environment.begin() as transaction:
        for _, header in transaction.cursor(environment.open_db(b"views", transaction, create=False)):
            yield from named_faults(json.loads(header), name)


def check_tree(folders):
    met = set()
    for folder in folders:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            relative = path.relative_to(folder).as_posix()
            # A star stands for a name, not for folders; the first row that fits counts.
            row = next((row for row in project_files if row[0].count("/") == relative.count("/") and fnmatch.fnmatchcase(relative, row[0])), None)
            if not row:
                yield f"{relative}: stands in no table of schemas/README.md"
                continue
            met.add(row[0])
            # Where a file has one of two forms, one must fit; prose (store.md) says nothing that could be checked here.
            forms = [name for name in row[1] if name.endswith(".json")]
            yield from min(([f"{relative}: {fault} ({name})" for fault in file_faults(path, name)] for name in forms), key=len, default=[])
    yield from (f"{pattern}: there is no such file" for pattern, _ in project_files if pattern not in met)


def check_files(folder, pairs):
    for pair in pairs:
        file, _, name = pair.partition("=")
        yield from (f"{file}: {fault} ({name})" for fault in file_faults(folder / file, name))


def check_schemas():
    named = {name.partition("#")[0] for _, names in documented(readme) for name in names}
    for file in sorted(schemas.glob("*.json")):
        schema = json.loads(file.read_text())
        if file.name.endswith(".schema.json"):
            jsonschema.Draft202012Validator.check_schema(schema)
            if not re.search(r"(format|version) \d", schema["title"]):
                yield f"{file.name}: its title says no version"
        elif not schema.get("version") or not all(field.get("description") for field in schema["fields"]):
            yield f"{file.name}: it has no version, or a field without description"
        text = "".join(other.read_text() for other in schemas.glob("*.schema.json") if other != file)
        if file.name not in named and f'"$ref": "{file.name}' not in text:
            yield f"{file.name}: stands in no table of schemas/README.md"
    for name in sorted(named):
        if not (schemas / name).exists():
            yield f"README.md: there is no {name}"


verb, *arguments = sys.argv[1:]
if verb == "tree":
    faults = check_tree([pathlib.Path(argument) for argument in arguments])
elif verb == "files":
    faults = check_files(pathlib.Path(arguments[0]), arguments[1:])
else:
    faults = check_schemas()
for fault in list(faults)[:50]:
    print(fault)
