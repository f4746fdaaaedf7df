/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/qmp/event_names.h"

/* As query_guest() sets them. */
#define GUEST_MEMBERS                                                                              \
	{"mac", ARG_STRING, false}, {"name", ARG_STRING, true}, {"reserved", ARG_BOOL, false},     \
		{"here", ARG_BOOL, false}, {"ipv4", ARG_STRING, true},                             \
		{"leased", ARG_BOOL, false}, {"ipv6", ARG_STRINGS, false},                         \
		{"netdev", ARG_STRING, false}, {"port", ARG_STRING, false},                        \
		{"link", ARG_BOOL, false}, {"joined-ago", ARG_INTEGER, false},                     \
		{"seen-ago", ARG_INTEGER, false},                                                  \
	{                                                                                          \
		"trouble", ARG_STRINGS, false                                                      \
	}

#define FORWARD_MEMBERS                                                                            \
	{"netdev", ARG_STRING, false},                                                             \
	{                                                                                          \
		"rule", ARG_STRING, false                                                          \
	}

/* "text" is the log message; "times" counts since the trouble began. */
#define TROUBLE_MEMBERS                                                                            \
	{"text", ARG_STRING, false},                                                               \
	{                                                                                          \
		"times", ARG_INTEGER, false                                                        \
	}

#define VERDICT_MEMBERS                                                                            \
	{"guest", ARG_STRING, true}, {"mac", ARG_STRING, true}, {"port", ARG_STRING, false},       \
		{"protocol", ARG_STRING, false}, {"destination", ARG_STRING, true},                \
		{"destination-port", ARG_INTEGER, true}, {"destination-name", ARG_STRING, true},   \
		{"rule", ARG_STRING, true},                                                        \
	{                                                                                          \
		"untold", ARG_INTEGER, true                                                        \
	}

const struct event_name event_names[] = {
	{"BUDGET_EXHAUSTED",
	 {{"port", ARG_STRING, false}, {"limit", ARG_STRING, false}, TROUBLE_MEMBERS}},
	{"FORWARD_ADDED", {FORWARD_MEMBERS}},
	{"FORWARD_REMOVED", {FORWARD_MEMBERS}},
	{"FORWARD_WAITING", {FORWARD_MEMBERS, TROUBLE_MEMBERS}},
	{"GUEST_ADDRESS_CONFLICT",
	 {{"mac", ARG_STRING, false},
	  {"guest", ARG_STRING, true},
	  {"port", ARG_STRING, false},
	  {"address", ARG_STRING, false},
	  {"other-port", ARG_STRING, true},
	  TROUBLE_MEMBERS}},
	{"GUEST_JOINED", {GUEST_MEMBERS}},
	{"GUEST_LEFT", {GUEST_MEMBERS}},
	{"GUEST_MAC_CONFLICT",
	 {{"mac", ARG_STRING, false},
	  {"guest", ARG_STRING, true},
	  {"port", ARG_STRING, false},
	  {"other-port", ARG_STRING, false},
	  TROUBLE_MEMBERS}},
	{"GUEST_WITHOUT_ADDRESS", {{"port", ARG_STRING, false}, TROUBLE_MEMBERS}},
	{"GUEST_WRONG_SUBNET",
	 {{"mac", ARG_STRING, false},
	  {"guest", ARG_STRING, true},
	  {"port", ARG_STRING, false},
	  {"address", ARG_STRING, false},
	  {"subnet", ARG_STRING, false},
	  TROUBLE_MEMBERS}},
	{"HOST_NETWORK_CHANGED", {{"closed", ARG_INTEGER, false}}},
	{"LEASE_GRANTED", {GUEST_MEMBERS, {"address", ARG_STRING, true}}},
	{"LEASE_REFUSED",
	 {{"port", ARG_STRING, false}, {"mac", ARG_STRING, false}, {"reason", ARG_STRING, false}}},
	{"NETDEV_STREAM_CONNECTED",
	 {{"netdev-id", ARG_STRING, false}, {"port", ARG_STRING, false}, {"addr", ARG_ANY, false}}},
	{"NETDEV_STREAM_DISCONNECTED",
	 {{"netdev-id", ARG_STRING, false}, {"port", ARG_STRING, false}}},
	{"OTHER_GATEWAY",
	 {{"port", ARG_STRING, false},
	  {"address", ARG_STRING, true},
	  {"dhcp", ARG_STRING, false},
	  TROUBLE_MEMBERS}},
	{"POLICY_ALLOWED", {VERDICT_MEMBERS}},
	{"POLICY_DENIED", {VERDICT_MEMBERS}},
	{"SHUTDOWN", {{"guest", ARG_BOOL, false}, {"reason", ARG_STRING, false}}},
	{NULL},
};
