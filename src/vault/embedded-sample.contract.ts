import { openEmbeddedVault } from './index.ts';

const vault = await openEmbeddedVault({ database: 'sqlite:vault.db', masterKey: { file: 'master.key' } });
const place = { table: 'users', column: 'email', row: '42' };
const { sealed } = await vault.seal('main', place, 'vera@twin.example');
const { text } = await vault.open('main', place, sealed);
console.log(text); // vera@twin.example
await vault.close();
