"""Merge an upload's request sources into one TrainingRequest.

request_json, aliases, presets, merge   our own request.json, and how sources are merged
consent, run_limits, subjects           rules on what a request asks for
import_state                            what every import of another tool's settings has in common
kohya/                                  kohya's scripts and their window, and its folders' names
tools/                                  all other tools, and which tool wrote a document
"""
