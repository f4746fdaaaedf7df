# SPDX-License-Identifier: BSD-3-Clause
"""The measures; a new one is a file here and a name in ALL."""

from measures import (capture, idle_flows, idle_guests, latency, loss, policy, storm, switch, tcp,
                      udp)

# By the word that --only takes, in the order of the table.
ALL = {"tcp": tcp, "loss": loss, "udp": udp, "latency": latency, "switch": switch,
       "idle": idle_flows, "guests": idle_guests, "storm": storm, "capture": capture,
       "policy": policy}

# Measured with iperf3.
WITH_IPERF3 = {"tcp", "loss", "udp", "idle", "guests", "capture"}
