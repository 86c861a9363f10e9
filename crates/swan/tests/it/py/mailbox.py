"""A mail server on loopback that does what a test tells it: aiosmtpd, watched and steered line by line.

Standard output: one JSON object a line.
  {"event": "listening", "port": 40001}
  {"event": "mail", "to": [...], "message_id": "...", "subject": "...", "text": "...", "tls": true, "user": "swan"}
        a whole mail was received, before anything is answered
  {"event": "at", "point": "rcpt" | "data" | "dot" | "after"}
        a conversation stands at a point where it was told to, until "go" comes or the other side is gone
  {"event": "refused" | "dropped" | "lost"}
Standard input: one JSON object a line.
  {"do": "refuse" | "refuse_for_good" | "drop_before_dot" | "drop_after_dot"}   with the next mail
  {"hold": "rcpt" | "data" | "dot" | "after", "nth": 2}   at the second mail from now, before it is answered;
        "after": once the final dot was answered
  {"go": true}   on with whatever is held, and nothing is held any more
The end of standard input ends the server.
"""

import argparse
import asyncio
import email
import email.policy
import json
import logging
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

logging.disable(logging.CRITICAL)


def tell(event, **details):
    sys.stdout.write(json.dumps({"event": event, **details}) + "\n")
    sys.stdout.flush()


class Orders:
    """What the test wants: a list of misdeeds, one for each mail to come, and a point at which to stand still."""

    def __init__(self):
        self.misdeeds = []
        self.hold = None
        self.nth = 0
        self.go = asyncio.Event()

    def take(self, line):
        order = json.loads(line)
        if "do" in order:
            self.misdeeds.append(order["do"])
        if "hold" in order:
            self.hold, self.nth, self.go = order["hold"], order.get("nth", 1), asyncio.Event()
        if "go" in order:
            self.hold = None
            self.go.set()

    async def stand(self, point):
        if self.hold != point:
            return
        self.nth -= 1
        if self.nth > 0:
            return
        self.hold = None
        tell("at", point=point)
        await self.go.wait()


class Conversation(SMTP):
    def __init__(self, *args, orders, **kwargs):
        super().__init__(*args, **kwargs)
        self.orders = orders
        self.misdeed = None

    def connection_lost(self, error):
        tell("lost")
        super().connection_lost(error)

    async def smtp_RCPT(self, arg):
        self.misdeed = self.orders.misdeeds.pop(0) if self.orders.misdeeds else None
        await self.orders.stand("rcpt")
        if self.misdeed == "refuse":
            tell("refused")
            await self.push("451 4.3.0 come back later")
        elif self.misdeed == "refuse_for_good":
            tell("refused")
            await self.push("550 5.1.1 nobody of that name")
        else:
            await super().smtp_RCPT(arg)

    async def smtp_DATA(self, arg):
        await self.orders.stand("data")
        if self.misdeed == "drop_before_dot":
            tell("dropped")
            await self.push("354 go on")
            self.transport.abort()
            return
        await super().smtp_DATA(arg)
        await self.orders.stand("after")


class Receiver:
    def __init__(self, orders):
        self.orders = orders

    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        body = mail.get_body(preferencelist=("plain",))
        tell(
            "mail",
            to=envelope.rcpt_tos,
            sender=envelope.mail_from,
            message_id=str(mail["Message-ID"]),
            subject=str(mail["Subject"]),
            text=body.get_content() if body else "",
            tls=session.ssl is not None,
            user=session.auth_data.login.decode() if session.auth_data else None,
        )
        await self.orders.stand("dot")
        if server.misdeed == "drop_after_dot":
            tell("dropped")
            server.transport.abort()
        return "250 2.0.0 taken"


def authenticator(user, password):
    def judge(server, session, envelope, mechanism, given):
        fits = isinstance(given, LoginPassword) and given.login == user and given.password == password
        return AuthResult(success=fits, handled=fits, auth_data=given if fits else None)

    return judge


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    parser.add_argument("--user")
    parser.add_argument("--password")
    arguments = parser.parse_args()

    orders = Orders()
    options = {"hostname": "mail.test", "ident": "mail"}
    if arguments.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(arguments.certificate, arguments.key)
        options |= {"tls_context": context, "require_starttls": True}
    if arguments.user:
        judge = authenticator(arguments.user.encode(), arguments.password.encode())
        options |= {"authenticator": judge, "auth_required": True, "auth_require_tls": True}

    loop = asyncio.get_running_loop()
    receiver = Receiver(orders)
    server = await loop.create_server(lambda: Conversation(receiver, orders=orders, **options), "127.0.0.1", 0)
    tell("listening", port=server.sockets[0].getsockname()[1])

    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        orders.take(line)


asyncio.run(main())
