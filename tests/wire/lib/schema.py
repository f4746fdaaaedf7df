# SPDX-License-Identifier: BSD-3-Clause
"""What query-qmp-schema says of events, held against events that came."""


class Schema:
    def __init__(self, qmp):
        self.types = {each['name']: each for each in qmp.run('query-qmp-schema')}

    def events(self):
        return {name for name, each in self.types.items() if each['meta-type'] == 'event'}

    def check(self, event):
        """Raises where EVENT has a member that it should not have, or lacks one, or of another type."""
        members = {each['name']: each
                   for each in self.types[self.types[event['event']]['arg-type']]['members']}
        kinds = {'str': str, 'int': int, 'bool': bool, '[str]': list, 'any': object}
        for name, value in event['data'].items():
            assert name in members, (event, name)
            assert isinstance(value, kinds[members[name]['type']]), (event, name)
        for name, member in members.items():
            assert name in event['data'] or 'default' in member, (event, name)
        return event['data']
