#!/usr/bin/env python3
"""Puts a seccomp profile into the config.json of a bundle: ctr-profile.py CONFIG PROFILE"""
import json
import sys

path, profile = sys.argv[1:]
with open(path) as file:
    config = json.load(file)
with open(profile) as file:
    config["linux"]["seccomp"] = json.load(file)
with open(path, "w") as file:
    json.dump(config, file)
