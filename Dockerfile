# farfield in a container: docker build -t farfield . && docker run --read-only -p 127.0.0.1:8080:8080 -v farfield:/data farfield
# It asks for a token; docker logs shows the first one, and the dashboard's address with it.
FROM debian:bookworm-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends make
WORKDIR /src
COPY Makefile ./
COPY api/dashboard/package.json api/dashboard/package-lock.json api/dashboard/
RUN make deps
COPY . .
RUN make && make install DESTDIR=/out

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends libmicrohttpd12 libjansson4 \
      libopenblas0-pthread libpng16-16 libjpeg62-turbo zlib1g libzip4 libsqlite3-0 libsodium23 \
      libseccomp2 libfreetype6 libkissfft-float131 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 65532 --home-dir /data --shell /usr/sbin/nologin farfield \
 && install -d -o farfield -g farfield /data
COPY --from=build /out/usr/local/bin/farfield /usr/local/bin/farfield
USER farfield
VOLUME /data
EXPOSE 8080
ENTRYPOINT ["farfield"]
CMD ["serve", "--listen", "0.0.0.0:8080", "--data", "/data"]
