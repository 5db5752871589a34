import type { ProgramRule } from '../program-rule.ts';

/** Containers, clouds, clusters, continuous delivery, package registries. */
export const CLOUD: readonly ProgramRule[] = [
  {
    names: 'docker, podman, nerdctl, buildah, skopeo, crane, ctr, crictl',
    special: { 'after-colon': '--creds --src-creds --dest-creds --user-creds' },
    plain: '-H --host -c --context --config -l --log-level',
  },
  { names: 'ctr, crictl', special: { 'after-colon': '-u --creds' } },
  {
    names: 'docker login, podman login, nerdctl login, buildah login, skopeo login, crane auth login',
    secret: '-p --password',
    plain: '-u --username',
    input: 'secret',
    inputIf: '--password-stdin',
  },
  {
    names:
      'docker run, docker create, podman run, podman create, nerdctl run, docker container run, docker service create, docker compose run, podman container run',
    special: { pair: '-e --env' },
    plain:
      '-p --publish -v --volume -u --user -w --workdir -h --hostname -l --label -m --memory -c --cpu-shares --name --network --net --entrypoint --env-file --restart --mount --add-host --secret --platform --pull --device --cap-add --cap-drop --log-driver --log-opt --ip --gpus --cpus --shm-size --tmpfs --dns --link --volumes-from --security-opt --ulimit --runtime --pid --ipc',
    command: 1,
  },
  {
    names:
      'docker exec, podman exec, nerdctl exec, docker container exec, docker compose exec, docker-compose exec, docker-compose run, podman container exec, crictl exec',
    special: { pair: '-e --env' },
    plain: '-u --user -w --workdir --detach-keys --env-file --index',
    command: 1,
  },
  { names: 'docker-compose, docker compose', plain: '-f --file -p --project-name --env-file --profile' },
  {
    names: 'docker build, docker buildx build, podman build, buildah bud, nerdctl build, docker image build',
    special: { pair: '--build-arg' },
    plain: '-t -f --secret --target --ssh',
  },
  {
    names: 'kubectl, oc, k3s kubectl, microk8s kubectl',
    plain: '-n --namespace -o --output -f --filename -l --selector --context --kubeconfig -c --container -p --patch',
  },
  {
    names: 'kubectl exec, oc exec, oc rsh, kubectl run, kubectl debug, k3s kubectl exec',
    dashes: true,
    special: { pair: '--env' },
  },
  { names: 'kubectl create secret, oc create secret', special: { pair: '--from-literal' } },
  {
    names: 'kubectl set env, oc set env, oc new-app, oc process',
    others: 'pair',
    special: { pair: '-e --env -p --param' },
  },
  { names: 'kubectl config set-credentials, oc login', secret: '-p --password --token -t', plain: '-u --username' },
  { names: 'kubectl config set', named: true },
  {
    names: 'helm',
    special: { prose: '--set-file' },
    plain: '--set --set-string --set-json --set-literal -f --values -n --namespace --version',
  },
  {
    names: 'helm registry login, helm repo add, helm pull, helm install, helm upgrade',
    secret: '--password -p',
    plain: '-u --username',
  },
  { names: 'helm registry login', input: 'secret', inputIf: '--password-stdin' },
  { names: 'kustomize, skaffold, werf', plain: '--set' },
  { names: 'argocd', secret: '--password --auth-token --new-password --current-password' },
  { names: 'aws', named: true },
  { names: 'aws secretsmanager, aws lambda', secret: '--secret-string --secret-binary', plain: '--secret-id' },
  { names: 'aws ssm put-parameter', secret: '--value' },
  { names: 'aws cognito-idp', secret: '--password --temporary-password --session' },
  { names: 'gcloud', named: true, plain: '--access-token-file --key-file --zone --project --secret' },
  { names: 'az', plain: '-n -g --name -l -o' },
  {
    names: 'az login, az acr login, az ad',
    secret: '-p --password --federated-token',
    plain: '-u --username -t --tenant',
  },
  { names: 'az keyvault secret set', secret: '--value' },
  { names: 'az vm, az vmss, az sql, az mysql, az postgres', secret: '--admin-password -p', plain: '-u' },
  { names: 'doctl', secret: '-t --access-token' },
  { names: 'flyctl', secret: '-t --access-token' },
  {
    names:
      'fly secrets set, flyctl secrets set, heroku config:set, heroku config:add, vercel env add, wrangler secret put',
    others: 'pair',
  },
  { names: 'gh', special: { prose: '--title --notes --message' } },
  { names: 'gh pr, gh issue, gh release', special: { prose: '-t --title -b --body -n --notes' } },
  { names: 'gh secret set, gh variable set', secret: '-b --body', input: 'secret' },
  {
    names: 'gh auth login, glab auth login',
    input: 'secret',
    inputIf: '--with-token --stdin',
    secret: '-t --token',
    flags: '--with-token',
  },
  { names: 'git', special: { pair: '-c' }, plain: '-C --git-dir --work-tree' },
  { names: 'git config', named: true },
  { names: 'git commit, git tag, git merge, git notes, git stash, git revert', special: { prose: '-m --message' } },
  {
    names: 'git log, git grep, git show, git diff, git blame',
    special: { prose: '-S -G --grep --author' },
    others: 'prose',
  },
  { names: 'vault, bao', special: { pair: '-var' }, oneDash: true, others: 'pair' },
  { names: 'vault login, bao login', others: 'login', input: 'secret' },
  {
    names:
      'vault operator unseal, bao operator unseal, vault unwrap, vault token revoke, vault token renew, vault token lookup',
    positionals: [{ at: 0, kind: 'secret' }],
    oneDash: true,
  },
  {
    names: 'vault write, vault kv put, vault kv patch, bao write, bao kv put',
    others: 'pair',
    keys: 'secret_id jwt value key',
    oneDash: true,
  },
  {
    names: 'terraform, tofu, terragrunt, packer',
    oneDash: true,
    special: { pair: '-var --var -backend-config --backend-config' },
    plain: '-var-file -out -target -state',
  },
  { names: 'pulumi config set', positionals: [{ at: 1, kind: 'secret', if: '--secret' }], flags: '--secret' },
  { names: 'consul, nomad', oneDash: true, secret: '-token', plain: '-token-file -datacenter' },
  {
    names: 'ansible, ansible-playbook, ansible-pull, ansible-console',
    plain: '-e --extra-vars -i -l -m -u -t --private-key --key-file --vault-password-file --vault-id -a',
  },
  {
    names: 'ansible-vault encrypt_string',
    positionals: [{ at: 0, kind: 'secret' }],
    plain: '-n --name --vault-id --vault-password-file --encrypt-vault-id',
  },
  {
    names: 'twine, flit, poetry publish, uv publish, hatch publish',
    secret: '-p --password -t --token',
    plain: '-u --username -r --repository --repository-url -U',
  },
  {
    names:
      'poetry config, uv config, composer config, npm config set, npm set, pnpm config set, yarn config set, bundle config, bundle config set, pip config set, cargo login, gem',
    named: true,
  },
  { names: 'npm', secret: '--_authToken --_auth', plain: '--prefix --registry --workspace -w', flags: '--otp' },
  { names: 'cargo login', plain: '--registry' },
  {
    names: 'apptainer registry login, singularity registry login, apptainer remote login',
    secret: '-p --password',
    plain: '-u --username',
  },
  {
    names: 'grafana cli admin reset-admin-password, grafana-cli admin reset-admin-password',
    positionals: [{ at: 0, kind: 'secret' }],
    plain: '--user-id --homepath --config',
  },
  { names: 'grafana cli, grafana-cli', plain: '--homepath --config' },
  {
    names: 'cargo login, ngrok authtoken, ngrok config add-authtoken, netlify login',
    positionals: [{ at: 0, kind: 'secret' }],
  },
  { names: 'stripe', secret: '--api-key -k' },
  { names: 'sentry-cli, gitlab-runner, act, circleci', secret: '--auth-token -r --registration-token --token' },
  { names: 'gitlab-runner', secret: '-t -r', plain: '-n -u' },
  { names: 'act', special: { pair: '-s --secret --env' } },
  { names: 'mc, mcli', plain: '--config-dir' },
  {
    names: 'mc alias set, mc config host add, mcli alias set',
    positionals: [
      { at: 2, kind: 'secret' },
      { at: 3, kind: 'secret' },
    ],
  },
  { names: 's3cmd, s5cmd, swift, openstack', secret: '--secret_key --os-password -K', plain: '-c --host' },
  {
    names: 'rclone',
    named: true,
    secret: '--rc-pass --sftp-pass --ftp-pass --webdav-pass --s3-secret-access-key --crypt-password --crypt-password2',
  },
  { names: 'rclone obscure', positionals: [{ at: 0, kind: 'secret' }] },
  { names: 'restic, rustic', plain: '-r --repo -p --password-file --tag -H --host' },
  { names: 'kopia, duplicacy, duplicity, borg, borgmatic', plain: '-p' },
  { names: 'composer config', plain: '-d' },
  { names: 'wp', secret: '--user_pass --dbpass --prompt_pass --admin_password' },
  { names: 'drush user:password, drush upwd, drush user-password', positionals: [{ at: 1, kind: 'secret' }] },
  { names: 'drush', secret: '--account-pass --site-pass' },
];
