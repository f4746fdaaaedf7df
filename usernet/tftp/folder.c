/* SPDX-License-Identifier: BSD-3-Clause */
#include "tftp/folder.h"

#include <errno.h>

static int explain(int err, enum tftp_error *code, const char **why)
{
	*code = TFTP_ERROR_ACCESS;
	switch (err) {
	case ENOENT:
	case ENOTDIR:
	case ENAMETOOLONG:
		*code = TFTP_ERROR_NOT_FOUND;
		*why = "File not found";
		break;
	case EISDIR:
		*why = "Access violation: not a regular file";
		break;
	case EXDEV:
		*why = "Access violation: outside the served directory";
		break;
	case ELOOP:
		*why = "Access violation: symbolic links are not served";
		break;
	case EACCES:
	case EPERM:
		*why = "Access violation: permission denied";
		break;
	case EMFILE:
	case ENFILE:
	case ENOMEM:
		*code = TFTP_ERROR_OTHER;
		*why = "Server busy: too many open files";
		break;
	default:
		*code = TFTP_ERROR_OTHER;
		*why = "Cannot open the file";
		break;
	}
	return -1;
}

int tftp_open_file(struct folder *folder, const char *name, uint64_t *size, enum tftp_error *code,
		   const char **why)
{
	char path[TFTP_NAME_MAX + 1];
	struct stat st;
	int fd;

	g_strlcpy(path, name, sizeof(path));
	g_strdelimit(path, "\\", '/');
	fd = folder_open_file(folder, path, &st);
	if (fd < 0)
		return explain(errno, code, why);
	*size = (uint64_t)st.st_size;
	return fd;
}
