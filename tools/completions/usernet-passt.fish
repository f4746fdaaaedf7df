# SPDX-License-Identifier: BSD-3-Clause
# Completion for fish: options are read from --help.
complete -c usernet-passt -e
for option in (usernet-passt --help 2>/dev/null | string match -ra -- '(?<= )--[a-z][a-z0-9-]+' | string sub -s 3)
	complete -c usernet-passt -l $option
end
