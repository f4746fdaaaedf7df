# SPDX-License-Identifier: BSD-3-Clause
# Completion for fish: usernetctl itself knows how the line may go on.
complete -c usernetctl -e
complete -c usernetctl -f -a '(usernetctl complete -- (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)'
