#!/bin/bash
# Makes an OCI image layout of a tree, uncompressed, with one layer.
#
#   oci-image.sh TREE FOLDER NAME
set -eu
tree=$1 folder=$2 name=$3
blobs=$folder/blobs/sha256
mkdir -p "$blobs"
# Moves a file to its place among the blobs; prints its digest and size.
blob() {
    local digest size
    digest=$(sha256sum "$1" | cut -d' ' -f1)
    size=$(stat -c %s "$1")
    mv "$1" "$blobs/$digest"
    echo "$digest $size"
}
tar --create --directory "$tree" --one-file-system --exclude='./dev/*' --file "$folder/layer" . 2>/dev/null
read -r layer layer_size < <(blob "$folder/layer")
architecture=$(dpkg --print-architecture)
cat >"$folder/config" <<END
{"architecture": "$architecture", "os": "linux", "config": {"Cmd": ["/bin/sh"], "Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]},
 "rootfs": {"type": "layers", "diff_ids": ["sha256:$layer"]}}
END
read -r config config_size < <(blob "$folder/config")
cat >"$folder/manifest" <<END
{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
 "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": "sha256:$config", "size": $config_size},
 "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": "sha256:$layer", "size": $layer_size}]}
END
read -r manifest manifest_size < <(blob "$folder/manifest")
cat >"$folder/index.json" <<END
{"schemaVersion": 2, "manifests": [{"mediaType": "application/vnd.oci.image.manifest.v1+json",
 "digest": "sha256:$manifest", "size": $manifest_size,
 "annotations": {"io.containerd.image.name": "$name", "org.opencontainers.image.ref.name": "latest"}}]}
END
echo '{"imageLayoutVersion": "1.0.0"}' >"$folder/oci-layout"
