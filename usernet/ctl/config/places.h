/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_CONFIG_PLACES_H
#define USERNET_CTL_CONFIG_PLACES_H

struct config;
struct sandbox;

/*
 * Allows what the network needs by path while it runs: the folders of its sockets and files as the
 * configuration names them. Before config_start(), which takes the options. Run and state directory
 * are not included. Makes the directory of the configuration file if it is missing.
 */
void config_places(const struct config *config, struct sandbox *sandbox);

#endif
