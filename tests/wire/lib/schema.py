# SPDX-License-Identifier: BSD-3-Clause
"""Checks events that came against query-qmp-schema."""


class Schema:
    def __init__(self, qmp):
        self.types = {each['name']: each for each in qmp.run('query-qmp-schema')}

    def events(self):
        return {name for name, each in self.types.items() if each['meta-type'] == 'event'}

    def check(self, event):
        """Raises if EVENT lacks a member, or has an unknown one or one of another type."""
        members = {each['name']: each
                   for each in self.types[self.types[event['event']]['arg-type']]['members']}
        kinds = {'str': str, 'int': int, 'bool': bool, '[str]': list, 'any': object}
        for name, value in event['data'].items():
            assert name in members, (event, name)
            assert isinstance(value, kinds[members[name]['type']]), (event, name)
        for name, member in members.items():
            assert name in event['data'] or 'default' in member, (event, name)
        return event['data']
