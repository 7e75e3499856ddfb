// Roles of the twin's database: mongosh --tls --tlsCAFile /etc/mongodb/tls/ca.pem --host 127.0.0.1 -u root -p users.js
// (mongosh asks for root's password, and for those of the users). Undo: db.dropUser(name) for each.
// The application writes its own collections; who looks at readings may not write; neither may administer anything.
const twin = db.getSiblingDB('twin');
twin.createUser({ user: 'twin', pwd: passwordPrompt(), roles: [{ role: 'readWrite', db: 'twin' }] });
twin.createUser({ user: 'viewer', pwd: passwordPrompt(), roles: [{ role: 'read', db: 'twin' }] });
db.getSiblingDB('admin').createUser({ user: 'backup', pwd: passwordPrompt(), roles: ['backup'] });
