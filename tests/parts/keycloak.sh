#!/usr/bin/env bash
# Keycloak, from Maven Central, prepared once for the way `e2e/keycloak.rs` starts it.
# shellcheck source=tests/parts/part.sh
source "$(dirname "$0")/part.sh"

VERSION=26.7.3
CHECKSUM=77657f30b7e90d70f727712ce1c967f430fd6a5e9f458d32d8c6df0635345f47
COPY=org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy

fill() {
    local archive="keycloak-quarkus-dist-$VERSION.tar.gz"
    cd "$1"
    mvn --batch-mode --quiet "$COPY" -DoutputDirectory="$1" \
        -Dartifact="org.keycloak:keycloak-quarkus-dist:$VERSION:tar.gz"
    echo "$CHECKSUM  $archive" | sha256sum --check --quiet
    tar --extract --gzip --strip-components=1 --file "$archive"
    rm "$archive"
    note "preparing keycloak"
    bin/kc.sh build --db=dev-mem --health-enabled=true
}

install_part keycloak "$VERSION"
