# SPDX-License-Identifier: BSD-3-Clause
# Runs in the guest as its first process: takes commands over the second serial port, one a line
# ("NUMBER BASE64"), and answers each with "NUMBER STATUS BASE64-OF-OUTPUT".
export PATH=/bin:/usr/bin:/usr/sbin
stty -F /dev/ttyS1 raw -echo
exec </dev/ttyS1 >/dev/ttyS1
echo ready
while read -r number command; do
	[ "$number" ] || continue  # lab.py only wakes the port
	echo "$command" | base64 -d >/tmp/command
	sh /tmp/command >/tmp/output 2>&1 </dev/null
	echo "$number $? $(base64 -w 0 /tmp/output)"
done
poweroff -f
