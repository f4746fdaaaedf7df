# SPDX-License-Identifier: BSD-3-Clause
# Sourced by tools/quickstart and tools/check: packages, an unprivileged user, a build folder. Needs
# bash. These functions print every change they make to the machine.

usernet_source=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
default_user=usernet-test

say() {
	printf '%s: %s\n' "${0##*/}" "$*"
}

die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# Runs a command as root, directly or with sudo.
as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif ! command -v sudo >/dev/null; then
		die "this step needs root, and there is no sudo; run as root: $*"
	else
		sudo "$@"
	fi
}

# missing_packages GROUP...: prints the packages of these groups that are not installed.
missing_packages() {
	local group package
	while read -r group package; do
		case " $* " in
		*" $group "*)
			[ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
				echo "$package"
			;;
		esac
	done <"$usernet_source/tools/lib/packages"
}

# install_packages GROUP...
install_packages() {
	local missing
	command -v apt-get >/dev/null || die "needs Debian's apt-get; elsewhere install the packages in tools/lib/packages"
	missing=$(missing_packages "$@")
	[ -n "$missing" ] || return 0
	say "installing:" $missing
	as_root apt-get -q update || die "apt-get update failed"
	# There may be no terminal, so apt must not ask questions.
	as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get -q -y --no-install-recommends install $missing ||
		die "apt-get could not install:" $missing
}

# choose_user [NAME]: sets $run_user, the user who builds and runs everything. For root it is NAME,
# else the user who called sudo, else a system user created here.
choose_user() {
	run_user=${1:-}
	if [ "$(id -u)" != 0 ]; then
		[ -z "$run_user" ] || [ "$run_user" = "$(id -un)" ] ||
			die "only root can run as another user (--user $run_user)"
		run_user=$(id -un)
	elif [ -z "$run_user" ] && [ -n "${SUDO_USER:-}" ] && [ "$SUDO_USER" != root ]; then
		run_user=$SUDO_USER
	elif [ -z "$run_user" ]; then
		run_user=$default_user
		if ! id "$run_user" >/dev/null 2>&1; then
			say "creating the system user $run_user (home /var/tmp/$run_user)"
			useradd --system --create-home --home-dir "/var/tmp/$run_user" \
				--shell /bin/bash "$run_user" || die "cannot create the user $run_user"
		fi
	fi
	run_uid=$(id -u "$run_user") || die "there is no user $run_user"
	[ "$run_uid" != 0 ] || die "$run_user is root; name a plain user with --user"
	run_home=$(getent passwd "$run_user" | cut -d: -f6)
}

# as_user COMMAND...: runs it as $run_user with a clean environment, from a folder they can read.
as_user() {
	local words=(env -i "HOME=$run_home" "USER=$run_user" "LANG=C.UTF-8" "TERM=${TERM:-dumb}"
		"PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin" "$@")
	if [ "$(id -u)" = 0 ]; then
		(cd / && exec setpriv --reuid="$run_user" --regid="$(id -g "$run_user")" \
			--init-groups "${words[@]}")
	else
		(cd / && exec "${words[@]}")
	fi
}

# choose_folder NAME: creates $work_folder, writable by $run_user.
choose_folder() {
	work_folder=/var/tmp/usernet-$run_uid/$1
	as_user mkdir -p -m 700 "/var/tmp/usernet-$run_uid" || die "cannot make /var/tmp/usernet-$run_uid"
	[ "$(stat -c %u "/var/tmp/usernet-$run_uid")" = "$run_uid" ] ||
		die "/var/tmp/usernet-$run_uid belongs to another user"
	as_user mkdir -p "$work_folder" || die "cannot make $work_folder"
}

# copy_source: copies the tree to $work_folder/source, so that $run_user can read it and nothing is
# written into the original.
copy_source() {
	as_user rm -rf "$work_folder/source" || die "cannot clear $work_folder/source"
	as_user mkdir -p "$work_folder/source"
	tar -C "$usernet_source" --exclude=./.git --exclude='./build*' --exclude=__pycache__ \
		--exclude='./*/__pycache__' -cf - . |
		as_user tar -C "$work_folder/source" --no-same-owner -xf - ||
		die "cannot copy the source to $work_folder/source"
}

# has_guest_kernel [DRIVER...]: whether $kernel_root or the machine has a kernel with these drivers
# (default: virtio-net)
has_guest_kernel() {
	as_user "$work_folder/source/tools/guest-image" ${kernel_root:+--kernel-root "$kernel_root"} \
		"${@/#/--driver=}" >/dev/null 2>&1
}

# kernel_package META: the package with the kernel itself that META stands for.
kernel_package() {
	apt-cache depends "$1" 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-[0-9]\)/\1/p' | head -n 1
}

# unpack_kernel META: unpacks the kernel and most modules into $kernel_root. They are not installed, so
# the machine's boot is unchanged.
unpack_kernel() {
	local package
	package=$(kernel_package "$1")
	if [ -z "$package" ]; then
		as_root apt-get -q update || die "apt-get update failed"
		package=$(kernel_package "$1")
	fi
	[ -n "$package" ] || die "apt knows no $1, the guest's kernel"
	say "unpacking $package for the guest (not installed)"
	as_user mkdir -p "$kernel_root"
	as_user sh -c "cd '$kernel_root' && rm -f ./*.deb && apt-get -q download '$package' &&
		dpkg-deb --fsys-tarfile ./*.deb | tar -x --exclude='*/kernel/sound' --exclude='*/wireless' \
			--exclude='*/drivers/gpu' --exclude='*/drivers/media' --exclude='*/drivers/scsi' \
			--exclude='*/drivers/infiniband' --exclude='*/drivers/iio' ./boot ./lib &&
		rm ./*.deb" || die "cannot fetch $package"
}

# prepare_guest_kernel: sets $kernel_root, a folder with a kernel for the guest if the machine's own
# is unsuitable
prepare_guest_kernel() {
	kernel_root=
	if has_guest_kernel; then
		return 0
	fi
	kernel_root=$work_folder/kernel
	if has_guest_kernel; then
		return 0
	fi
	as_user rm -rf "$kernel_root"
	unpack_kernel linux-image-cloud-amd64
	has_guest_kernel || die "the guest's kernel cannot be used"
}

# prepare_nic_kernel: after it, adds a kernel with drivers for every network card of QEMU.
prepare_nic_kernel() {
	local drivers=(e1000 e1000e igb e100 ne2k_pci pcnet32 8139cp tulip xhci_pci cdc_ether vmxnet3)
	kernel_root=$work_folder/kernel
	has_guest_kernel "${drivers[@]}" && return 0
	unpack_kernel linux-image-amd64
	has_guest_kernel "${drivers[@]}" || die "the guest's kernel lacks drivers of network cards"
}
