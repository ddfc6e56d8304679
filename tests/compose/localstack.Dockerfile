# Stands in for localstack/localstack:4.14.0: the same release from its Python packages, SQS alone.
FROM debian:trixie-slim
RUN apt-get -qq update && \
    DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install python3 python3-venv curl >/dev/null
COPY requirements.txt /opt/
RUN python3 -m venv /opt/localstack && /opt/localstack/bin/pip install --quiet --disable-pip-version-check -r /opt/requirements.txt
RUN printf '#!/bin/sh\nexport AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test\nexec /opt/localstack/bin/aws --endpoint-url http://127.0.0.1:4566 "$@"\n' \
      >/usr/local/bin/awslocal && chmod +x /usr/local/bin/awslocal
ENV GATEWAY_LISTEN=0.0.0.0:4566 EAGER_SERVICE_LOADING=1 DNS_ADDRESS=0 SKIP_SSL_CERT_DOWNLOAD=1 PYTHONUNBUFFERED=1
ENTRYPOINT ["/opt/localstack/bin/python", "-m", "localstack.runtime.main"]
