import type { Rule } from '../judge/types.ts';
import { EVERYWHERE } from './channels.ts';

const BRACE = String.raw`(?:\{|&l(?:brace|cub);?|&#0*123;?|&#x0*7b;?)`;

/** Where a name stands as a value: not that of an element or attribute of XML, and not in the middle of a sentence. */
const START = String.raw`(?:^|[=:"'>,;({\[@!$+&?|]|\bnew\s|\bimport\s)\s*`;

/** Java, with the expression languages of its frameworks: CWE-917, CWE-502, CVE-2021-44228, CVE-2022-22965, CVE-2017-5638. */
export const javaRules: readonly Rule[] = [
  {
    id: 'code-jndi',
    class: 'code',
    title: 'a look-up that loggers of Java would follow',
    view: 'decoded',
    match: {
      regex: String.raw`\$${BRACE}[^}]*\bjndi\s*:|\$${BRACE}\s*(?:\$\{|(?:lower|upper|env|sys|date|main|base64|java|ctx|web|docker|log4j|spring|bundle|map|sd|event|marker|k8s|k)\s*:)|\$\{[^}]*\$\{|\$\{[^}]*:-|\bjndi\s*:\s*(?:ldaps?|rmi|dns|iiop|corba|nds|nis|https?)\b|(?:ldaps?|rmi|iiop|corbaname)://[^\s}]*\}`,
    },
    weight: 5,
    inText: 3,
    channels: EVERYWHERE,
  },
  {
    id: 'code-jndi-escaped',
    class: 'code',
    title: 'a look-up of Java with its bracket escaped',
    view: 'raw',
    match: { regex: String.raw`(?:\$|&#0*36;?|&#x0*24;?|&dollar;?)${BRACE}[^}]*jndi` },
    weight: 5,
    inText: 3,
    channels: EVERYWHERE,
  },
  {
    id: 'code-java-class',
    class: 'code',
    title: 'the full name of a class of Java that an attack needs',
    view: 'decoded',
    match: {
      regex: String.raw`${START}(?:\bjava\.lang\.(?:runtime|process\w*|system|class\w*|thread\w*|reflect|invoke|object|string\w*|number|integer|boolean|math|compiler|shutdown\w*|module|ref)\b|\bjava\.io\.(?:file\w*|\w*(?:reader|writer|stream|tokenizer))\b|\bjava\.(?:net\.(?:url\w*|socket|http\w*|inet\w*)|util\.(?:scanner|zip|jar|prefs|concurrent)|nio\.file|rmi\.\w+|beans\.\w+|security\.\w+|sql\.drivermanager|awt\.\w+)\b|\bjavax\.(?:script|naming\.(?:initial|directory|ldap|spi|context)|el|management|faces|xml\.(?:transform|parsers))\b|\bjava\.(?:\w+\.)?runtime\b|\bcom\.(?:sun\.(?:org\.apache|rowset|jndi)|opensymphony\.xwork2|mchange|caucho|zaxxer)\b|\borg\.(?:apache\.(?:commons|xalan|struts2|catalina|ibatis|shiro|wicket|velocity|bcel|xbean|tomcat|logging)\b|omg\.corba|springframework\.\w+|hibernate\.\w+|codehaus\.groovy|python\.\w+|mozilla\.javascript|jboss\.\w+|thymeleaf\.\w+)|\bnet\.sf\.\w+)`,
    },
    weight: 5,
    inIsland: 2,
  },
  {
    id: 'code-java-run',
    class: 'code',
    title: 'a process that is started from Java',
    view: 'decoded',
    match: {
      regex: String.raw`getruntime\s*\(\s*\)\s*\.\s*exec\s*\(|\bnew\s+(?:java\.lang\.)?processbuilder\s*\(|@java\.lang\.\w+@|\bprocessbuilder\b[^\n]*\.\s*start\s*\(|\b(?:runtime|processbuilder|classloader)\b[^\n]*(?:\bexec\s*\(|\.start\s*\()|\.exec\s*\(\s*['"]|\bdefineclass\b|\.class\.getname|\.getdeclaredmethod`,
    },
    weight: 5,
    inIsland: 4,
    inText: 1,
  },
  {
    id: 'code-java-gadget',
    class: 'code',
    title: 'a class by which serialised objects of Java run code',
    view: 'decoded',
    match: {
      regex: String.raw`${START}(?:[\w$]+\.)*(?:\b(?:clone|invoker|instantiate|chained|constant|transforming|factory)transformer\b|\b(?:for|while|transformer|if|do)closure\b|\bprototype(?:clone|serialization)factory|\binstantiatefactory\b|\b(?:xmldecoder|templatesimpl|trax\w*filter|jdbcrowsetimpl|annotationinvocationhandler|badattributevalueexpexception|lazymap|transformedmap|tiedmapentry|jndi\w*(?:factory|lookup)|beancomparator|propertypathfactorybean|basicdatasource|c3p0\w*|rowsetdynaclass|methodclosure|convertedclosure|spring\w*beanfactory|classpathxmlapplicationcontext|filesystemxmlapplicationcontext|hashtable\.readobject|signedobject|marshalledobject|unicastref|activatorimpl)\b|\b(?:runtime|java)\.(?:getproperty|filewriter|xmldecoder)\b)`,
    },
    weight: 5,
    inIsland: 3,
  },
  {
    id: 'code-ognl',
    class: 'code',
    title: 'an expression of Struts, Spring or a server page that reaches inside',
    view: 'decoded',
    match: {
      regex: String.raw`#_?memberaccess\b|\ballowstaticmethodaccess\b|\ballow(?:private|protected|package)\w*access\b|xwork\.methodaccessor|\bredirect(?:action)?:\s*[$%]\{|\bclass\.(?:module\.)?classloader\b|\bclass\[['"]?(?:module|classloader)|\bognlcontext\b|#(?:context|request|session|application|attr|parameters|root|process|cmd|cmds|iswin|res|resp|req|dm|a|p|out|container|ognlutil|ros|rt|str|w)\s*(?:=|\[|\.(?:get|set|put|exec|start|write|print))|%\{\s*\(?\s*[#@'"(\d]|\(#\w+\s*=|#[a-z]\w*\s*=\s*(?:new\s|@|\()|@[a-z]+(?:\.\w+)+@|\$\{\s*(?:pagecontext|(?:page|request|session|application)scope|initparam)\b|\$\{\s*(?:pagecontext|request|session|param|application|header|cookie|initparam)(?:scope)?\s*[.\[]|\.getsession\(\)|\bsuffix=%>|\bactioncontext\b|\bmethod:[#%@]`,
    },
    weight: 5,
    inIsland: 4,
    inText: 1,
  },
];
