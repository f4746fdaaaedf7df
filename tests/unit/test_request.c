/* SPDX-License-Identifier: BSD-3-Clause */
#include <check.h>
#include <string.h>

#include "ctl/control.h"
#include "ctl/qmp/request.h"
#include "ctl/qmp/session.h"
#include "net/network.h"
#include "run_suite.h"

/* Requests and their replies, in QEMU's words and error classes. */
static struct loop *loop;
static struct network *network;
static struct control *control;
static struct qmp_session session;

static void setup(void)
{
	loop = loop_new(NULL);
	loop_attach(loop, NULL);
	network = network_new(loop, "test");
	control = control_new(network, "/nowhere");
	session = (struct qmp_session){.control = control};
}

static void teardown(void)
{
	control_free(control);
	network_free(network);
	loop_free(loop);
}

static void answers(const char *text, const char *expected)
{
	g_autoptr(JsonNode) node = request_run(&session, text);
	g_autofree char *answer = json_to_string(node, FALSE);

	ck_assert_str_eq(answer, expected);
}

#define ERROR(class, desc) "{\"error\":{\"class\":\"" class "\",\"desc\":\"" desc "\"}}"

START_TEST(capabilities_come_first_and_once)
{
	answers("{\"execute\":\"query-version\"}",
		ERROR("CommandNotFound",
		      "Expecting capabilities negotiation with 'qmp_capabilities'"));
	answers("{\"execute\":\"qmp_capabilities\"}", "{\"return\":{}}");
	ck_assert(session.negotiated);
	answers("{\"execute\":\"qmp_capabilities\"}",
		ERROR("CommandNotFound", "Capabilities negotiation is already complete, command "
					 "ignored"));
}
END_TEST

START_TEST(id_of_any_kind_is_given_back)
{
	session.negotiated = true;
	answers("{\"execute\":\"query-netdevs\",\"id\":{\"a\":[1,null]}}",
		"{\"return\":[],\"id\":{\"a\":[1,null]}}");
	answers("{\"execute\":\"query-netdevs\",\"arguments\":{},\"id\":7}",
		"{\"return\":[],\"id\":7}");
	answers("{\"id\":\"x\"}", "{\"error\":{\"class\":\"GenericError\",\"desc\":\"QMP input "
				  "lacks member 'execute'\"},\"id\":\"x\"}");
}
END_TEST

/* json-glib would write 1e30 as no JSON. A newer one may give it back. */
START_TEST(id_that_cannot_be_given_back_is_refused)
{
	g_autoptr(JsonNode) node = json_from_string("[1e30]", NULL);
	g_autofree char *written = json_to_string(node, FALSE);
	g_autoptr(JsonNode) again = json_from_string(written, NULL);

	session.negotiated = true;
	if (again)
		answers("{\"execute\":\"query-netdevs\",\"id\":1e30}",
			"{\"return\":[],\"id\":1e+30}");
	else
		answers("{\"execute\":\"query-netdevs\",\"id\":1e30}",
			"{\"error\":{\"class\":\"GenericError\",\"desc\":\"QMP input member 'id' has a "
			"number that cannot be given back: write it without an exponent\"}}");
}
END_TEST

static const struct {
	const char *text, *answer;
} wrong[] = {
	{"[]", ERROR("GenericError", "QMP input must be a JSON object")},
	{"{\"execute\":1}", ERROR("GenericError", "QMP input member 'execute' must be a string")},
	{"{\"execute\":\"x\",\"arguments\":[]}",
	 ERROR("GenericError", "QMP input member 'arguments' must be an object")},
	{"{\"execute\":\"x\",\"exec-oob\":1}",
	 ERROR("GenericError", "QMP input member 'exec-oob' is unexpected")},
	{"{\"execute\":\"frob\"}", ERROR("CommandNotFound", "The command frob has not been found")},
	{"{\"execute\":\"netdev_del\",\"arguments\":{\"id\":\"x\"}}",
	 ERROR("DeviceNotFound", "Device 'x' not found")},
	{"{\"execute\":\"netdev_del\"}", ERROR("GenericError", "Parameter 'id' is missing")},
};

START_TEST(what_is_wrong_is_told_as_qemu_does)
{
	session.negotiated = true;
	answers(wrong[_i].text, wrong[_i].answer);
}
END_TEST

START_TEST(what_is_no_json_is_an_error)
{
	static const char *const texts[] = {"", "{", "{\"execute\":}", "nothing", "[}"};

	for (unsigned i = 0; i < G_N_ELEMENTS(texts); i++) {
		g_autoptr(JsonNode) node = request_run(&session, texts[i]);
		JsonObject *error =
			json_object_get_object_member(json_node_get_object(node), "error");

		ck_assert_msg(error != NULL, "%s", texts[i]);
		ck_assert_str_eq(json_object_get_string_member(error, "class"), "GenericError");
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("request");
	TCase *tc = tcase_create("request");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, capabilities_come_first_and_once);
	tcase_add_test(tc, id_of_any_kind_is_given_back);
	tcase_add_test(tc, id_that_cannot_be_given_back_is_refused);
	tcase_add_loop_test(tc, what_is_wrong_is_told_as_qemu_does, 0, G_N_ELEMENTS(wrong));
	tcase_add_test(tc, what_is_no_json_is_an_error);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
