# SPDX-License-Identifier: BSD-3-Clause
# Completion for fish: options are read from --help.
complete -c usernet -e
for option in (usernet --help 2>/dev/null | string replace -rf '^  (?:-\w, )?--([a-z-]+)(=\S+)? +(.*)' '$1\t$2\t$3')
	set -l parts (string split \t -- $option)
	test -n "$parts[2]"; and set -l valued -r; or set -l valued -f
	complete -c usernet -l $parts[1] $valued -d $parts[3]
end
complete -c usernet -l name -x -a '(usernetctl complete -- --name (commandline -ct) 2>/dev/null)'
complete -c usernet -l log-level -x -a 'error warning info debug'
complete -c usernet -l netdev -x -a '(usernet --help | string replace -rf "^  ([a-z]+): .*" "\$1,id=")'
