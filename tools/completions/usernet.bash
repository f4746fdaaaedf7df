# SPDX-License-Identifier: BSD-3-Clause
# Completion for bash. Options are read from --help, the rest comes from `usernetctl complete`.

# Sets $words to the words before the cursor, the last one unfinished. COMP_WORDS is no help: it cuts
# addresses at their colons.
_usernet_words() {
	local line=${COMP_LINE:0:COMP_POINT}
	read -ra words <<<"$line"
	[[ $line != *[[:space:]] ]] || words+=('')
}

# Fills COMPREPLY from lines on standard input, of which the description is cut.
_usernet_reply() {
	local last=$1 line head
	# What bash sees as the last word begins behind these.
	head=${last%"${last##*[:=]}"}
	COMPREPLY=()
	while IFS= read -r line; do
		line=${line%%$'\t'*}
		[[ $line == "$last"* ]] && COMPREPLY+=("${line#"$head"}")
	done
	[[ ${#COMPREPLY[@]} != 1 || ${COMPREPLY[0]} != *= ]] || compopt -o nospace 2>/dev/null
}

_usernetctl() {
	local -a words
	_usernet_words
	_usernet_reply "${words[-1]}" < <("$1" complete -- "${words[@]:1}" 2>/dev/null)
}

_usernet() {
	local -a words
	_usernet_words
	local last=${words[-1]} before=${words[-2]}
	case $before in
	--name) _usernet_reply "$last" < <(usernetctl complete -- --name "$last" 2>/dev/null) ;;
	--netdev) _usernet_reply "$last" < <("$1" --help 2>/dev/null | sed -n 's/^  \([a-z]*\): .*/\1,id=/p') ;;
	--log-level) _usernet_reply "$last" < <(printf '%s\n' error warning info debug) ;;
	*)
		[[ $last == -* ]] || return 0
		_usernet_reply "$last" < <("$1" --help 2>/dev/null | grep -oE '(^| )--?[a-z0-9-]+' | tr -d ' ' | sort -u)
		;;
	esac
}

complete -F _usernetctl usernetctl
complete -o default -F _usernet usernet usernet-passt
