# SPDX-License-Identifier: BSD-3-Clause
# The guest of tools/quickstart: shows its network, then starts a shell.

word() {
	sed -n "s/.*usernet\.$1=\([^ ]*\).*/\1/p" /proc/cmdline
}

# show WHAT COMMAND...: prints the output indented, and a message when the command fails.
show() {
	local what="$1" status
	shift
	printf '\n%s\n' "$what"
	"$@" >/tmp/output 2>&1
	status=$?
	sed 's/^/    /' /tmp/output
	[ $status = 0 ] || echo "    this did not work (status $status)"
	return $status
}

fetch() {
	timeout 20 wget -q -O - "$1"
}

failed=0
echo
echo "--- this is the guest: Linux $(uname -r), network card eth0 on usernet"
show "Address, by DHCP:" udhcpc -i eth0 -n -q -t 10 -T 1 || failed=1
show "What eth0 has now:" ip -4 address show dev eth0 || failed=1
show "Name servers:" grep nameserver /etc/resolv.conf || failed=1
show "Ping of the gateway:" ping -c 3 -W 2 10.0.2.2 || failed=1
show "A page of this host's loopback, through the NAT (http://10.0.2.2:$(word web)/):" \
	fetch "http://10.0.2.2:$(word web)/" || failed=1
printf '\nA page of the internet (http://example.com/):\n'
if timeout 20 wget -q -O /tmp/page http://example.com/ 2>/tmp/error; then
	sed -n 's/.*<title>\(.*\)<\/title>.*/    \1/p' /tmp/page
	echo "    $(wc -c </tmp/page) bytes"
else
	sed 's/^/    /' /tmp/error
	echo "    not fetched: this host has no internet access, or needs a proxy. The network above works."
fi
[ $failed = 0 ] && echo && echo "--- usernet: all shown" || echo "--- usernet: something failed"

if [ "$(word exit)" != 1 ]; then
	cat <<END

A shell in the guest. It ends with "poweroff" (or Ctrl-A X, which pulls the plug).
END
	ENV=/etc/shell
	echo "alias poweroff='poweroff -f'" >$ENV
	export ENV
	setsid cttyhack sh
fi
poweroff -f
