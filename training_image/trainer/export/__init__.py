"""The files of an adapter, for every tool that loads one."""
